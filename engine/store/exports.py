"""Reads for exports: pairs with one author's marks, page by page, from one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from engine.data.conversation import Conversation
from engine.data.reviewed import Decision, ReviewedPair
from engine.store.database import rows, sql
from engine.store.dataset import ORIGIN
from engine.wire.messages import Verdict

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


# ---------------------------------------------------------------- rows as they came


class StoredRow(NamedTuple):
    """A row of the source; `content` is a JSON object."""

    number: int
    line: int
    layout: str
    content: str


class Decided(NamedTuple):
    """A pair with a decision that may change its rows."""

    source_rows: tuple[int, ...]
    place: str
    verdict: Verdict


def source_rows(cursor: Any, file: str) -> Iterator[list[StoredRow]]:
    """The rows of a file in their order, page by page. Between pages, the cursor may be used for
    other reads."""
    after = -1
    while True:
        request = {"file": file, "after": after, "page": PAGE}
        page = rows(cursor.execute(sql("export_source_rows"), request), StoredRow)
        if not page:
            return
        yield page
        after = page[-1].number


def rows_by_number(cursor: Any, numbers: Sequence[int]) -> list[StoredRow]:
    """These rows, in the order of `numbers`."""
    found = rows(
        cursor.execute(
            "SELECT row_no AS number, line, layout, content FROM source_rows "
            "WHERE row_no IN (SELECT unnest($numbers::INTEGER[]))",
            {"numbers": list(numbers)},
        ),
        StoredRow,
    )
    by_number = {row.number: row for row in found}
    return [by_number[number] for number in numbers]


def decided(cursor: Any, author: str) -> Iterator[Decided]:
    """The pairs that an author flipped, dropped, tied or discusses, in their order."""
    found = cursor.execute(
        "SELECT p.source_rows, p.place, m.verdict FROM pairs AS p "
        "JOIN pair_marks AS m ON m.pair_id = p.pair_id AND m.author = $author "
        "WHERE m.verdict IN ('flip', 'drop', 'tie', 'discuss') ORDER BY p.pair_id",
        {"author": author},
    ).fetchall()
    return (Decided(tuple(numbers), place, verdict) for numbers, place, verdict in found)


def rows_of_pairs(cursor: Any, ids: Sequence[int]) -> set[int]:
    """The numbers of the rows that these pairs came from."""
    found = cursor.execute(
        "SELECT DISTINCT unnest(source_rows) FROM pairs "
        "WHERE pair_id IN (SELECT unnest($ids::INTEGER[]))",
        {"ids": list(ids)},
    ).fetchall()
    return {number for (number,) in found}


class RowCounts(NamedTuple):
    """Stored rows; of these, those that gave no pair; rejects of which no row is stored."""

    rows: int
    rejected: int
    unreadable: int


def row_counts(cursor: Any) -> RowCounts:
    [counts] = cursor.execute(
        "SELECT (SELECT count(*) FROM source_rows), "
        "coalesce(sum(len(source_rows)), 0)::INTEGER, count(*) FILTER (len(source_rows) = 0) "
        "FROM rejects"
    ).fetchall()
    return RowCounts(*counts)


def origin(cursor: Any) -> str | None:
    """What is kept about the source of the pairs."""
    found = cursor.execute("SELECT value FROM meta WHERE key = ?", [ORIGIN]).fetchall()
    return found[0][0] if found else None
