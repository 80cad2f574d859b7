"""Reads a study's pairs, and checks that enough of them are usable.

The data is read twice: once to count, sample and digest it, and once more to store it. So no more
of it is in memory than the sample of a study that has a limit.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import data
from engine.data.groups import Groups
from engine.data.origin import Origin, origin
from engine.data.pairs import NEUTRAL
from engine.data.readers import DAMAGE
from engine.data.sample import rank
from engine.data.watching import Watch, unwatched, watched
from engine.errors import BadInput
from engine.study import Study


@dataclass(frozen=True)
class Source:
    """What a study's data says. `digest` is that of the study's pairs, `content` also covers the
    facts and rows; `groups` has the group number of each of these pairs.

    `unusable` is the first reject that is a fault of the data, and no answer such as a tie;
    `selected` are the places of the study's pairs among all pairs, or None for all of them.
    """

    study: Study
    total: int
    rejects: dict[str, int]
    unusable: data.Reject | None
    selected: frozenset[int] | None
    digest: str
    content: str
    groups: Sequence[int | None]

    @property
    def rows(self) -> int:
        """Pairs and rejects."""
        return self.total + sum(self.rejects.values())

    @property
    def edition(self) -> str:
        """What the store is to hold: the content, with the groups of this study."""
        return f"{self.content} groups={self.study.data.groups}"

    @property
    def count(self) -> int:
        """The number of pairs of the study."""
        return len(self.groups)

    def check(self) -> None:
        """Raises BadInput if too many rows are unusable, or no pair is left."""
        first, most = self.unusable, self.study.data.max_reject_share
        count = sum(number for reason, number in self.rejects.items() if reason not in NEUTRAL)
        if first is not None and count > most * self.rows:
            raise BadInput(
                f"{count:,} of {self.rows:,} rows cannot be used, more than "
                f"data.max_reject_share = {most:g} allows; first: line "
                f"{first.line} of {first.source}: {first.reason}: {first.detail}"
            )
        if not self.total:
            raise BadInput("the dataset has no usable pairs")

    def items(self, watch: Watch = unwatched) -> Iterator[data.Pair | data.Reject]:
        """The study's pairs and all rejects, read again.

        Raises BadInput if they are no longer the same.
        """
        place = -1
        digest = data.Digest()
        for item in _read(self.study, watch):
            if isinstance(item, data.Pair):
                place += 1
                if place == self.total:
                    raise _changed()
                if self.selected is not None and place not in self.selected:
                    continue
            digest.add(item)
            yield item
        if digest.content != self.content:
            raise _changed()

    def origin(self) -> Origin:
        """What has to be kept about the source, to write its rows again."""
        return origin(source_of(self.study), outside=self.total - self.count)

    def pairs(self) -> Iterator[data.Pair]:
        """The study's pairs, read again."""
        return (item for item in self.items() if isinstance(item, data.Pair))

    def all_pairs(self, watch: Watch = unwatched) -> Iterator[data.Pair]:
        """Every pair of the data, read again."""
        return (item for item in _read(self.study, watch) if isinstance(item, data.Pair))


def read(study: Study, watch: Watch = unwatched) -> Source:
    """Raises BadInput if the data cannot be read or is damaged."""
    settings = study.data
    rejects: Counter[str] = Counter()
    first: data.Reject | None = None
    sample = Sample(settings.limit, settings.seed)
    digest = data.Digest()
    groups = Groups(settings.groups, settings.columns.group is not None)
    total = 0
    for item in _read(study, watch):
        if isinstance(item, data.Reject):
            if item.reason in DAMAGE:
                raise BadInput(_damage(item))
            rejects[item.reason] += 1
            if first is None and item.reason not in NEUTRAL:
                first = item
            digest.add(item)
            continue
        if settings.limit:
            sample.add(total, item)
        else:
            digest.add(item)
            groups.add(item)
        total += 1
    for pair in sample.pairs():
        digest.add(pair)
        groups.add(pair)
    return Source(
        study,
        total,
        dict(rejects),
        first,
        sample.places(total),
        digest.value(),
        digest.content,
        groups.numbers(),
    )


def source_of(study: Study) -> data.Source:
    """Where the pairs of a study come from, and how their rows are to be read."""
    settings = study.data
    return data.Source(
        path=Path(settings.path) if settings.path else None,
        dataset=settings.dataset,
        split=settings.split,
        config=settings.config,
        revision=settings.revision,
        options=settings.options,
    )


def _read(study: Study, watch: Watch = unwatched) -> Iterator[data.Pair | data.Reject]:
    return watched(data.read_pairs(source_of(study)), watch)


class Sample:
    """The pairs of a seeded sample, as they come: the same as `data.seeded_sample` takes."""

    def __init__(self, limit: int, seed: int) -> None:
        self._limit, self._seed = limit, seed
        self._heap: list[tuple[int, int, data.Pair]] = []  # the highest rank is on top

    def add(self, place: int, pair: data.Pair) -> None:
        entry = (-int.from_bytes(rank(self._seed, place)), place, pair)
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def pairs(self) -> list[data.Pair]:
        """In the order of the source."""
        return [pair for _, _, pair in sorted(self._heap, key=lambda entry: entry[1])]

    def places(self, total: int) -> frozenset[int] | None:
        """None if everything was taken."""
        if not self._limit or self._limit >= total:
            return None
        return frozenset(place for _, place, _ in self._heap)


def _changed() -> BadInput:
    return BadInput("the data was changed while it was read: run again")


def _damage(reject: data.Reject) -> str:
    return (
        f"{reject.source} is damaged after line {reject.line} ({reject.detail}), so rows may "
        "be missing: get the file again, or recover the intact part with zcat"
    )
