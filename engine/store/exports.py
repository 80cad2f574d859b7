"""Reads for exports: pairs with one author's marks, page by page, from one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engine.data.conversation import Conversation
from engine.data.reviewed import Decision, ReviewedPair
from engine.store.database import rows, sql

# The number of pairs whose texts are in memory at once.
PAGE = 1_000


def decisions(cursor: Any, ids: Sequence[int], author: str) -> Iterator[Decision]:
    """These pairs without their texts, in the order of `ids`."""
    import pyarrow

    column = pyarrow.array(ids, pyarrow.int32())
    places = pyarrow.array(range(len(ids)), pyarrow.int32())
    cursor.register("requested", pyarrow.table({"pair_id": column, "place": places}))
    pairs = rows(cursor.execute(sql("export_decisions"), {"author": author}), Decision)
    cursor.unregister("requested")
    return iter(pairs)


def reviewed_pairs(cursor: Any, ids: Sequence[int], author: str) -> Iterator[list[ReviewedPair]]:
    """These pairs with their texts, in the order of `ids`, page by page."""
    for start in range(0, len(ids), PAGE):
        page = list(ids[start : start + PAGE])
        yield rows(
            cursor.execute(sql("export_pairs"), {"ids": page, "author": author}), _reviewed_pair
        )


def _reviewed_pair(chosen: str, rejected: str, tags: list[str], **columns: Any) -> ReviewedPair:
    sides = Conversation(chosen), Conversation(rejected)
    return ReviewedPair(chosen=sides[0], rejected=sides[1], tags=tuple(tags), **columns)


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
