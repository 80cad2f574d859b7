"""Pairs for a reviewer who must not know what was chosen.

Which answer is A is decided by a digest of the author, the pair and each text. It does not know
which of the two was chosen, so the same pair with its sides exchanged looks the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from engine.data.conversation import Conversation, shared_messages
from engine.errors import NotFound
from engine.store.actions import revision
from engine.store.database import Store, rows, sql
from engine.store.readers import PREVIEW, MarkRow, stored, turn
from engine.wire.messages import (
    BlindMark,
    BlindPair,
    BlindRow,
    BlindVerdict,
    Mark,
    MarkEvent,
    MarkProgress,
    MarksChanged,
    Turn,
    Verdict,
)

# Decisions that mean the same whichever answer was chosen.
FREE: dict[str, BlindVerdict] = {"drop": "drop", "tie": "tie", "discuss": "discuss"}
_CHOICE = re.compile(r"\b(keep|flip)\b")


def chosen_is_a(author: str, source_id: str, chosen_sha: str, rejected_sha: str) -> bool:
    """Whether this author sees the chosen answer as A: as often as not, and always the same."""

    def digest(sha: str) -> bytes:
        return hashlib.sha256(f"{author}\0{source_id}\0{sha}".encode()).digest()

    return digest(chosen_sha) <= digest(rejected_sha)


def changed(done: MarksChanged) -> MarksChanged:
    """What was done, without what was chosen."""
    other = None if done.elsewhere is None else event(done.elsewhere)
    return msgspec.structs.replace(done, summary=_said(done.summary), elsewhere=other)


def event(one: MarkEvent) -> MarkEvent:
    """A line of the log, without what was chosen."""
    return msgspec.structs.replace(one, summary=_said(one.summary), source_id="")


def progress(counted: MarkProgress) -> MarkProgress:
    """Without how many were kept and flipped."""
    free = {verdict: n for verdict, n in counted.verdicts.items() if verdict in FREE}
    return msgspec.structs.replace(counted, verdicts=free)


def _said(summary: str) -> str:
    return _CHOICE.sub("decision", summary)


class _Sides(NamedTuple):
    pair_id: int
    source_id: str
    chosen_sha: str
    rejected_sha: str

    def chosen_is_a(self, author: str) -> bool:
        return chosen_is_a(author, self.source_id, self.chosen_sha, self.rejected_sha)


def verdicts(
    store: Store, pair_ids: Sequence[int], better: str, author: str
) -> dict[Verdict, list[int]]:
    """The pairs by what it means that their answer a or b is better."""
    decided: dict[Verdict, list[int]] = {"keep": [], "flip": []}
    for sides in rows(store.read(sql("blind_sides"), {"ids": stored(pair_ids)}), _Sides):
        keeps = sides.chosen_is_a(author) == (better == "a")
        decided["keep" if keeps else "flip"].append(sides.pair_id)
    return {verdict: ids for verdict, ids in decided.items() if ids}


class _Row(NamedTuple):
    pair_id: int
    source_id: str
    chosen_sha: str
    rejected_sha: str
    chosen: str
    rejected: str
    topic: str | None
    group: int | None

    @property
    def sides(self) -> _Sides:
        return _Sides(self.pair_id, self.source_id, self.chosen_sha, self.rejected_sha)


class _Read(NamedTuple):
    row: BlindRow
    shared: tuple[Turn, ...]
    a: tuple[Turn, ...]
    b: tuple[Turn, ...]


def _read(store: Store, ids: Sequence[int], author: str, measured: bool) -> list[_Read]:
    existing = stored(ids)
    at = revision(store)  # before the marks: a change in between must not count as seen
    marks: Mapping[int, Mark] = {}
    if author:
        found = store.read(sql("marks_of_author"), {"ids": existing, "author": author})
        marks = {row.pair_id: row.mark for row in rows(found, MarkRow)}
    statement = sql("blind_rows").replace("{facts}", "pair_facts" if measured else "pairs")
    return [
        _shown(row, marks.get(row.pair_id), author, at)
        for row in rows(store.read(statement, {"ids": existing}), _Row)
    ]


def _shown(row: _Row, mark: Mark | None, author: str, at: int) -> _Read:
    chosen_first = row.sides.chosen_is_a(author)
    texts = (row.chosen, row.rejected) if chosen_first else (row.rejected, row.chosen)
    first, second = (tuple(map(turn, Conversation(text).messages)) for text in texts)
    shared = shared_messages(first, second)
    before = first[:shared] or first[:-1]
    asked = [one.text for one in before if one.role == "user"] or [one.text for one in before]
    return _Read(
        BlindRow(
            pair_id=row.pair_id,
            topic=row.topic,
            group=row.group,
            prompt=asked[-1][:PREVIEW] if asked else "",
            mark=None if mark is None else _mark(mark, chosen_first),
            revision=at,
        ),
        first[:shared],
        first[shared:],
        second[shared:],
    )


def _mark(mark: Mark, chosen_first: bool) -> BlindMark:
    verdict: BlindVerdict | None = None
    if mark.verdict is not None:
        better: BlindVerdict = "a" if (mark.verdict == "keep") == chosen_first else "b"
        verdict = FREE.get(mark.verdict, better)
    return BlindMark(verdict=verdict, flagged=mark.flagged, note=mark.note, tags=mark.tags)


def pair_rows(
    store: Store, ids: Sequence[int], author: str, *, measured: bool = True
) -> list[BlindRow]:
    """Rows in the order of `ids`, with this author's marks. Without `measured`, the pairs have no
    measures yet."""
    return [one.row for one in _read(store, ids, author, measured)]


def pair(store: Store, pair_id: int, author: str, *, measured: bool = True) -> BlindPair:
    """Raises NotFound."""
    page = _read(store, [pair_id], author, measured)
    if not page:
        raise NotFound(f"no pair {pair_id}")
    size = "SELECT count(*) FROM pairs WHERE group_no = ?"
    row, shared, a, b = page[0]
    return BlindPair(
        row=row,
        shared=shared,
        a=a,
        b=b,
        group_size=store.read(size, [row.group]).fetchone()[0],
    )
