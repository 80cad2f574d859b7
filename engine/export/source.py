"""What an export reads from a run, as of one moment, and what there is to say ahead of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from engine.data.origin import Origin
from engine.data.reviewed import ReviewedPair
from engine.errors import BadInput
from engine.export.decisions import Counts, action, apply_decision, count
from engine.export.formats.base import Format
from engine.export.lengths import Long, longer
from engine.export.provenance import Digests
from engine.export.same_rows import Rows
from engine.store import Store, exports, ledger, marks
from engine.store.browse import Browser
from engine.store.ledger import LedgerRow
from engine.wire.messages import (
    Agreement,
    ExportPreview,
    ExportRequest,
    Metrics,
    PairQuery,
    StudyInfo,
)


@dataclass(frozen=True)
class Subject:
    """The run to export from, which has been measured."""

    folder: Path
    store: Store
    browser: Browser
    study: StudyInfo
    metrics: Metrics
    warnings: tuple[str, ...]
    digests: Digests

    def ids(self, request: ExportRequest) -> tuple[int, ...]:
        """The pairs that the request selects. Raises FilterError."""
        query = PairQuery(filter=request.filter, sort="pair_id", author=request.author)
        return self.browser.pair_ids(query).ids


class Facts:
    """What was found out about the texts of a dataset, kept while the dataset is the same."""

    def __init__(self) -> None:
        self._dataset = ""
        self._refused: dict[str, Mapping[int, str]] = {}
        self._long: dict[tuple[str, str, int], Long] = {}

    def refused(self, dataset: str, form: Format, cursor: Any) -> Mapping[int, str]:
        """The pairs that rows of this format cannot hold, with the reason."""
        self._is_about(dataset)
        if form.refuses != "none" and form.name not in self._refused:
            found = {
                pair.pair_id: form.problem(pair.chosen, pair.rejected)
                for pair in exports.sides(cursor, form.refuses == "unusual")
            }
            self._refused[form.name] = {key: why for key, why in found.items() if why is not None}
        return self._refused.get(form.name, {})

    def long(self, dataset: str, form: Format, request: ExportRequest, cursor: Any) -> Long:
        """The pairs that are too long for a trainer."""
        self._is_about(dataset)
        if not request.tokenizer or not form.tokens_of:
            return Long(frozenset())
        key = form.tokens_of, request.tokenizer, request.max_length
        if key not in self._long:
            sides = exports.sides(cursor, unusual=False)
            self._long[key] = longer(sides, form.tokens_of, request.tokenizer, request.max_length)
        return self._long[key]

    def _is_about(self, dataset: str) -> None:
        if dataset != self._dataset:
            self._dataset = dataset
            self._refused.clear()
            self._long.clear()


class Source:
    """The pairs and results to export, all as of the moment of `cursor`."""

    def __init__(
        self,
        subject: Subject,
        request: ExportRequest,
        form: Format,
        ids: Sequence[int],
        cursor: Any,
        facts: Facts,
    ) -> None:
        self.study, self.metrics = subject.study, subject.metrics
        self.warnings = subject.warnings
        self.request = request
        self.origin = Origin.read(exports.origin(cursor))
        self._store = subject.store
        self._dataset = subject.digests.dataset
        self._form = form
        self._ids = ids
        self._cursor = cursor
        self._facts = facts

    @cached_property
    def fields(self) -> frozenset[str]:
        return exports.fields_in_use(self._cursor)

    @property
    def _left_out(self) -> Mapping[int, str]:
        return self._facts.refused(self._dataset, self._form, self._cursor)

    def counts(self) -> Counts:
        """Raises BadInput if the format cannot hold the messages of these pairs, or if no pair has
        what a column needs."""
        left_out = self._left_out
        decisions = exports.decisions(self._cursor, self._ids, self.request.author)
        if self._form.strings_only:
            lost = exports.without_transcript(self._cursor)
            lost &= {
                pair.pair_id for pair in decisions if action(pair.verdict, self.request) != "omit"
            }
            if lost:
                raise BadInput(
                    f"{len(lost):,} pairs have messages that strings cannot hold (a system "
                    "message, tools, thinking, a name, or a text that looks like a turn): export "
                    f"{self._form.name}-messages"
                )
        counts = count(decisions, self.request, left_out)
        for name, words in (("margin", "a margin"), ("votes", "votes")):
            if counts.included and counts.further.get(f"without {name}") == counts.included:
                raise BadInput(f"none of these pairs has {words}: leave out the column")
        long = self._facts.long(self._dataset, self._form, self.request, self._cursor)
        too_long = sum(
            pair.pair_id in long.pairs
            for pair in decisions
            if action(pair.verdict, self.request) != "omit" and pair.pair_id not in left_out
        )
        if too_long:
            counts.further["too long"] = too_long
        return counts

    def notes(self) -> tuple[str, ...]:
        """Lines for people."""
        request = self.request
        long = self._facts.long(self._dataset, self._form, request, self._cursor)
        meaning = f"too long: over {request.max_length:,} tokens of {request.tokenizer}"
        return tuple(note for note in (meaning if long.pairs else "", long.note) if note)

    def pairs(self) -> Iterator[Sequence[ReviewedPair]]:
        by_reviewers = self.request.soft_labels == "reviewers"
        agreed = exports.agreed(self._cursor) if by_reviewers else {}
        return exports.reviewed_pairs(self._cursor, self._ids, self.request.author, agreed)

    def pairs_as_decided(self) -> Iterator[Sequence[ReviewedPair]]:
        left_out = self._left_out
        for page in self.pairs():
            swapped = (
                apply_decision(pair, self.request) for pair in page if pair.pair_id not in left_out
            )
            yield [pair for pair in swapped if pair is not None]

    def source_rows(self) -> Rows:
        assert self.origin is not None, "checked by the format"
        ids = self._ids if self.request.filter.strip() else None
        return Rows(self._cursor, self.origin, ids, self.request)

    def changes(self) -> Iterator[Sequence[LedgerRow]]:
        filtered = bool(self.request.filter.strip())
        selection = exports.source_ids(self._cursor, self._ids) if filtered else None
        rows = ledger.ledger(self._store)
        while page := list(islice(rows, exports.PAGE)):
            yield [row for row in page if selection is None or row.source_id in selection]

    def agreement(self) -> Sequence[Agreement]:
        return marks.agreement(self._store)


def preview(
    form: Format, source: Source, request: ExportRequest, cursor: Any
) -> tuple[ExportPreview, Counts]:
    """What an export would write. Raises BadInput."""
    counts = source.counts()
    shown = counts.decisions
    if form.as_decided:
        shown = {
            **shown,
            "duplicates": counts.duplicates,
            "contradictions": counts.contradictions,
            **counts.further,
            **form.counts(source),
        }
    made = ExportPreview(
        pairs=counts.pairs,
        rows=form.count(counts, source),
        counts=shown,
        authors=exports.authors(cursor),
        format=form.name,
        has_rows=form.has_rows,
        notes=source.notes(),
    )
    return made, counts
