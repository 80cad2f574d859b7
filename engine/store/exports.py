"""Reads for exports: pairs with one author's marks, page by page, from one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from engine.data.conversation import Conversation
from engine.data.reviewed import Decision, ReviewedPair
from engine.store.database import rows, sql

# The number of pairs whose texts are in memory at once.
PAGE = 1_000

_NOBODY: Mapping[int, float] = {}


def decisions(cursor: Any, ids: Sequence[int], author: str) -> list[Decision]:
    """These pairs without their texts, in the order of `ids`."""
    import pyarrow

    column = pyarrow.array(ids, pyarrow.int32())
    places = pyarrow.array(range(len(ids)), pyarrow.int32())
    cursor.register("requested", pyarrow.table({"pair_id": column, "place": places}))
    pairs = rows(cursor.execute(sql("export_decisions"), {"author": author}), Decision)
    cursor.unregister("requested")
    return pairs


def reviewed_pairs(
    cursor: Any, ids: Sequence[int], author: str, agreed: Mapping[int, float] = _NOBODY
) -> Iterator[list[ReviewedPair]]:
    """These pairs with their texts, in the order of `ids`, page by page. `agreed` is what the
    function of that name says, if it is wanted."""

    def pair(
        pair_id: int, chosen: str, rejected: str, tags: list[str], **columns: Any
    ) -> ReviewedPair:
        return ReviewedPair(
            pair_id=pair_id,
            chosen=Conversation(chosen),
            rejected=Conversation(rejected),
            tags=tuple(tags),
            agreed=agreed.get(pair_id),
            **columns,
        )

    for start in range(0, len(ids), PAGE):
        page = list(ids[start : start + PAGE])
        yield rows(cursor.execute(sql("export_pairs"), {"ids": page, "author": author}), pair)


def agreed(cursor: Any) -> dict[int, float]:
    """By pair: the share of all reviewers who decided that prefer the chosen side."""
    return dict(cursor.execute(sql("export_agreed")).fetchall())


class PairSides(NamedTuple):
    pair_id: int
    chosen: Conversation
    rejected: Conversation


def sides(cursor: Any, unusual: bool) -> Iterator[PairSides]:
    """The conversations of all pairs; with `unusual` only of those that may share no prompt."""
    cursor.execute(sql("export_texts"), {"unusual": unusual})
    while page := cursor.fetchmany(PAGE):
        for pair_id, chosen, rejected in page:
            yield PairSides(pair_id, Conversation(chosen), Conversation(rejected))


# Fields of messages that not every message has, as they are written in an encoded conversation. A
# quote within a text is escaped there, so a text cannot look like a field.
_FIELDS = ("thinking", "tool_calls", "name", "call_id", "tools")


def fields_in_use(cursor: Any) -> frozenset[str]:
    """Which fields the messages have beside role and content, and `tools`."""
    found = ", ".join(f"bool_or(contains(messages, '\"{name}\":'))" for name in _FIELDS)
    [flags] = cursor.execute(
        f"SELECT {found} FROM texts WHERE text_id IN "
        "(SELECT chosen_id FROM pairs UNION SELECT rejected_id FROM pairs)"
    ).fetchall()
    return frozenset(name for name, flag in zip(_FIELDS, flags, strict=True) if flag)


def without_transcript(cursor: Any) -> set[int]:
    """The pairs with a side that no transcript can hold."""
    found = cursor.execute(
        "SELECT p.pair_id FROM pairs AS p JOIN texts AS c ON c.text_id = p.chosen_id "
        "JOIN texts AS r ON r.text_id = p.rejected_id "
        "WHERE c.messages IS NOT NULL OR r.messages IS NOT NULL"
    ).fetchall()
    return {pair_id for (pair_id,) in found}


def source_ids(cursor: Any, ids: Sequence[int]) -> set[str]:
    """The source ids of these pairs."""
    sources = cursor.execute(
        "SELECT source_id FROM pairs WHERE pair_id IN (SELECT unnest($ids::INTEGER[]))",
        {"ids": list(ids)},
    ).fetchall()
    return {source for (source,) in sources}


def authors(cursor: Any) -> tuple[str, ...]:
    """The authors who decided at least one pair of the current dataset."""
    names = cursor.execute(
        "SELECT DISTINCT author FROM pair_marks WHERE verdict IS NOT NULL ORDER BY author"
    ).fetchall()
    return tuple(author for (author,) in names)
