"""Pairs, texts, rows and rejects: stored once, read by id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from engine.data.conversation import Conversation
from engine.data.pairs import Pair, Reject, SourceRow, Vote
from engine.models.protocols import Text
from engine.store.database import Store, forget_results, insert, rows, sql
from engine.store.waiting import attach

# The key in `meta` of what has to be kept about the source (see engine/data/origin.py).
ORIGIN = "origin"
CHUNK = 1_000  # pairs that are inserted at a time

_TABLES = ("votes", "pairs", "source_rows", "rejects")


def content_key(conversation: Conversation) -> str:
    """The digest that a text is stored under."""
    return hashlib.sha256(conversation.encoded.encode("utf-8", "surrogatepass")).hexdigest()


def has_pairs(store: Store) -> bool:
    return store.read("SELECT 1 FROM pairs LIMIT 1").fetchone() is not None


def has_dataset(store: Store, digest: str) -> bool:
    """Whether the store holds the pairs with this digest."""
    return store.meta("dataset") == digest


def has_content(store: Store, digest: str, content: str) -> bool:
    """Whether the store also holds all that the source says about these pairs."""
    return has_dataset(store, digest) and store.meta("content") == content


def put_dataset(
    store: Store,
    digest: str,
    content: str,
    items: Iterable[Pair | Reject],
    groups: Sequence[int | None],
    origin: str = "",
    *,
    roomy: bool = False,
) -> None:
    """Replace pairs, rows and rejects in one transaction. Texts that are stored already are kept,
    and so are the results if only facts about the same pairs have changed.

    `groups` are the group numbers of the pairs, in their order. `items` are taken as they come, so
    that no more than a chunk of them is in memory. `origin` is what is kept about the source.

    Raises MemoryFull if the indexes of the pairs need more memory than is usual. `roomy`: take all
    that DuckDB may have.
    """
    with store.storing(len(groups), roomy=roomy) as cursor:
        if not has_dataset(store, digest):
            forget_results(cursor)
        for table in _TABLES:
            cursor.execute(f"DELETE FROM {table}")
        writer = _Writer(cursor, groups)
        stream = iter(items)
        while chunk := list(islice(stream, CHUNK)):
            writer.put(chunk)
        attach(cursor)
        for key, value in (("dataset", digest), ("content", content), (ORIGIN, origin)):
            cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])


class _Columns:
    """Rows of a table, collected by column."""

    def __init__(self, table: str, *names: str) -> None:
        self.table = table
        self.names = names
        self.rows: list[tuple[Any, ...]] = []

    def insert(self, cursor: Any) -> None:
        if self.rows:
            columns = zip(*self.rows, strict=True)
            insert(cursor, self.table, dict(zip(self.names, map(list, columns), strict=True)))
            self.rows.clear()


class _Writer:
    """Inserts pairs and rejects, chunk by chunk, in the caller's transaction."""

    def __init__(self, cursor: Any, groups: Sequence[int | None]) -> None:
        self._cursor = cursor
        self._groups = groups
        self._pairs = 0
        self._rows: tuple[SourceRow, ...] = ()
        stored = cursor.execute("SELECT sha256, text_id FROM texts").fetchall()
        self._ids = {bytes.fromhex(key)[:16]: text_id for key, text_id in stored}
        self._texts = _Columns("texts", *_TEXT)
        self._tables = (
            self._texts,
            pairs := _Columns("pairs", *_PAIR),
            votes := _Columns("votes", "pair_id", "annotator", "score"),
            source_rows := _Columns("source_rows", *_ROW),
            rejects := _Columns("rejects", *_REJECT),
        )
        self._pair_rows, self._votes = pairs.rows, votes.rows
        self._source_rows, self._rejects = source_rows.rows, rejects.rows

    def put(self, items: Iterable[Pair | Reject]) -> None:
        for item in items:
            numbers = [row.number for row in item.rows]
            if item.rows is not self._rows:  # the pairs of the same rows follow one another
                self._rows = item.rows
                self._source_rows.extend(map(_source_row, item.rows))
            if isinstance(item, Pair):
                self._pair(item, numbers)
            else:
                fields = (item.source, item.line, item.reason, item.detail, item.excerpt)
                self._rejects.append((*fields, numbers))
        for table in self._tables:
            table.insert(self._cursor)

    def _pair(self, pair: Pair, numbers: list[int]) -> None:
        number, self._pairs = self._pairs, self._pairs + 1
        chosen, rejected = self._text(pair.chosen), self._text(pair.rejected)
        facts = pair.facts
        self._pair_rows.append(
            (
                *(number, pair.source_id, pair.line, pair.topic, chosen[0], rejected[0]),
                chosen[1] == rejected[1],
                self._groups[number],
                facts.margin,
                _count(facts.votes),
                *(facts.score_chosen, facts.score_rejected),
                *(facts.model_chosen, facts.model_rejected),
                *(numbers, pair.place),
            )
        )
        self._votes.extend((number, vote.annotator, vote.score) for vote in facts.votes)

    def _text(self, conversation: Conversation) -> tuple[int, str]:
        """(id, context) of a conversation, which is stored if it is new."""
        context, response = conversation.split()
        key = content_key(conversation)
        short = bytes.fromhex(key)[:16]
        if short not in self._ids:
            self._ids[short] = len(self._ids)
            self._texts.rows.append(_text_row(self._ids[short], key, conversation, response))
        return self._ids[short], context


_TEXT = ("text_id", "sha256", "transcript", "messages", "response")
_PAIR = (
    *("pair_id", "source_id", "line", "topic", "chosen_id", "rejected_id", "context_equal"),
    *("group_no", "margin_human", "votes", "score_chosen", "score_rejected"),
    *("model_chosen", "model_rejected", "source_rows", "place"),
)
_ROW = ("row_no", "file", "line", "layout", "content")
_REJECT = ("source", "line", "reason", "detail", "excerpt", "source_rows")


def _text_row(
    text_id: int, key: str, conversation: Conversation, response: str
) -> tuple[int, str, str, str | None, str]:
    messages = None if conversation.is_transcript else conversation.encoded
    return text_id, key, conversation.transcript, messages, response


def _source_row(row: SourceRow) -> tuple[int, str, int, str, str]:
    return row.number, row.file, row.line, row.layout, row.raw.decode("utf-8", "replace")


def _count(votes: Sequence[Vote]) -> dict[str, int] | None:
    if not votes:
        return None
    scores = [vote.score for vote in votes]
    return {
        "chosen": sum(score > 0 for score in scores),
        "rejected": sum(score < 0 for score in scores),
        "tied": sum(score == 0 for score in scores),
    }


def put_texts(cursor: Any, conversations: Sequence[Conversation]) -> list[int]:
    """The ids of these texts. New texts are added in the caller's transaction."""
    keys = [content_key(conversation) for conversation in conversations]
    stored = cursor.execute(
        "SELECT sha256, text_id FROM texts WHERE sha256 IN (SELECT unnest(?))", [keys]
    ).fetchall()
    text_ids: dict[str, int] = dict(stored)
    # Always fetchall: a cursor with unread rows cannot run another statement.
    [(next_id,)] = cursor.execute("SELECT coalesce(max(text_id) + 1, 0) FROM texts").fetchall()
    new = _Columns("texts", *_TEXT)
    for key, conversation in zip(keys, conversations, strict=True):
        if key not in text_ids:
            _, response = conversation.split()
            new.rows.append(_text_row(next_id, key, conversation, response))
            text_ids[key] = next_id
            next_id += 1
    new.insert(cursor)
    return [text_ids[key] for key in keys]


def texts(store: Store, ids: Sequence[int]) -> list[Text]:
    """These texts, in the order of `ids`."""
    return rows(store.read(sql("texts_by_id"), [list(ids)]), _text)


def _text(text_id: int, encoded: str) -> Text:
    return Text(text_id, Conversation(encoded))


def text_sizes(store: Store, ids: Sequence[int]) -> list[int]:
    """The number of characters of each text, in the order of `ids`."""
    return [size for (size,) in store.read(sql("text_sizes"), [list(ids)]).fetchall()]


class PairTexts(NamedTuple):
    """A pair's number and the ids of its two transcripts."""

    pair_id: int
    chosen_id: int
    rejected_id: int


def pair_texts(store: Store) -> list[PairTexts]:
    """Every pair, in pair order."""
    query = "SELECT pair_id, chosen_id, rejected_id FROM pairs ORDER BY pair_id"
    return [PairTexts._make(row) for row in store.read(query).fetchall()]


def pair_keys(store: Store) -> list[tuple[int, str, str]]:
    """(number, key of the chosen text, key of the rejected text) of every pair, in pair order."""
    query = (
        "SELECT p.pair_id, c.sha256, r.sha256 FROM pairs AS p "
        "JOIN texts AS c ON c.text_id = p.chosen_id JOIN texts AS r ON r.text_id = p.rejected_id "
        "ORDER BY p.pair_id"
    )
    return [(number, chosen, rejected) for number, chosen, rejected in store.read(query).fetchall()]


def source_keys(store: Store) -> dict[tuple[str, str], int]:
    """(source_id, side) → text_id, in pair order."""
    keys = {}
    for source, chosen, rejected in store.read(
        "SELECT source_id, chosen_id, rejected_id FROM pairs ORDER BY pair_id"
    ).fetchall():
        keys[source, "chosen"] = chosen
        keys[source, "rejected"] = rejected
    return keys


def reject_counts(store: Store) -> dict[str, int]:
    query = "SELECT reason, count(*) FROM rejects GROUP BY reason ORDER BY reason"
    return dict(store.read(query).fetchall())


def rejects(store: Store, limit: int) -> list[Reject]:
    """The first rejected rows, in the order of the source, without their content."""
    query = "SELECT source, line, reason, detail, excerpt FROM rejects ORDER BY rowid LIMIT ?"
    return rows(store.read(query, [limit]), Reject)
