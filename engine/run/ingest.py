"""Reads a study's pairs, and checks that enough of them are usable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine import data
from engine.data.readers import DAMAGE
from engine.errors import BadInput
from engine.executors.jobs import Stopped
from engine.study import Study


@dataclass(frozen=True)
class Source:
    """The complete data of a study."""

    pairs: list[data.Pair]
    rejects: list[data.Reject]

    @property
    def rows(self) -> int:
        return len(self.pairs) + len(self.rejects)

    def reject_counts(self) -> dict[str, int]:
        return dict(Counter(reject.reason for reject in self.rejects))


def read(study: Study, stopped: Callable[[], bool] = lambda: False) -> Source:
    """Raises BadInput if the data cannot be read, Stopped if the run is stopping."""
    settings = study.data
    source = data.Source(
        path=Path(settings.path) if settings.path else None,
        dataset=settings.dataset,
        split=settings.split,
        config=settings.config,
        revision=settings.revision,
    )
    content = Source([], [])
    for record in data.read_pairs(source):
        if isinstance(record, data.Pair):
            content.pairs.append(record)
        else:
            content.rejects.append(record)
        if stopped():
            raise Stopped
    return content


def sample(study: Study, source: Source) -> list[data.Pair]:
    """The pairs of the study. Raises BadInput if too many rows are unusable."""
    settings = study.data
    if damage := next((r for r in source.rejects if r.reason in DAMAGE), None):
        raise BadInput(
            f"{damage.source} is damaged after line {damage.line} ({damage.detail}), so rows may "
            "be missing: get the file again, or recover the intact part with zcat"
        )
    if len(source.rejects) > settings.max_reject_share * source.rows:
        first = source.rejects[0]
        raise BadInput(
            f"{len(source.rejects):,} of {source.rows:,} rows cannot be used, more than "
            f"data.max_reject_share = {settings.max_reject_share:g} allows; first: line "
            f"{first.line} of {first.source}: {first.reason}: {first.detail}"
        )
    if not source.pairs:
        raise BadInput("the dataset has no usable pairs")
    chosen = data.seeded_sample(len(source.pairs), settings.limit, settings.seed)
    return [source.pairs[i] for i in chosen]
