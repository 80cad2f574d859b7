"""Pairs, texts and rejects: stored once, read by id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from engine.data.dialogue import split_response
from engine.data.pairs import Pair, Reject
from engine.models.protocols import Text
from engine.store.database import Store, forget_results, insert, rows, sql

_TEXT = ("text_id", "sha256", "transcript", "context", "response")
_PAIR = ("pair_id", "source_id", "line", "topic", "chosen_id", "rejected_id", "context_equal")


def content_key(transcript: str) -> str:
    return hashlib.sha256(transcript.encode("utf-8", "surrogatepass")).hexdigest()


def has_dataset(store: Store, digest: str) -> bool:
    """Whether the store holds the dataset with this digest."""
    return store.meta("dataset") == digest


def put_dataset(
    store: Store, digest: str, pairs: Sequence[Pair], rejects: Iterable[Reject]
) -> None:
    """Replace the pairs and rejects in one transaction. Texts that are stored already are kept."""
    text_ids: dict[str, int] = dict(store.read("SELECT sha256, text_id FROM texts").fetchall())
    texts: dict[str, list[Any]] = {name: [] for name in _TEXT}
    columns: dict[str, list[Any]] = {name: [] for name in _PAIR}
    for number, pair in enumerate(pairs):
        ids, contexts = [], []
        for transcript in (pair.chosen, pair.rejected):
            dialogue = split_response(transcript)
            contexts.append(dialogue.context)
            ids.append(_text_id(text_ids, texts, transcript, dialogue.context, dialogue.response))
        row = (number, pair.source_id, pair.line, pair.topic, *ids, contexts[0] == contexts[1])
        for name, value in zip(_PAIR, row, strict=True):
            columns[name].append(value)
    rejected = list(rejects)
    with store.write() as cursor:
        forget_results(cursor)
        cursor.execute("DELETE FROM pairs")
        cursor.execute("DELETE FROM rejects")
        insert(cursor, "texts", texts)
        insert(cursor, "pairs", columns)
        if rejected:
            names = ("source", "line", "reason", "detail", "excerpt")
            insert(cursor, "rejects", {n: [getattr(r, n) for r in rejected] for n in names})
        cursor.execute("INSERT OR REPLACE INTO meta VALUES ('dataset', ?)", [digest])


def _text_id(
    ids: dict[str, int],
    new: dict[str, list[Any]],
    transcript: str,
    context: str,
    response: str,
) -> int:
    key = content_key(transcript)
    if key not in ids:
        ids[key] = len(ids)
        row = (ids[key], key, transcript, context, response)
        for name, value in zip(_TEXT, row, strict=True):
            new[name].append(value)
    return ids[key]


def put_texts(cursor: Any, transcripts: Sequence[str]) -> list[int]:
    """The ids of these texts. New texts are added in the caller's transaction."""
    keys = [content_key(transcript) for transcript in transcripts]
    stored = cursor.execute(
        "SELECT sha256, text_id FROM texts WHERE sha256 IN (SELECT unnest(?))", [keys]
    ).fetchall()
    text_ids: dict[str, int] = dict(stored)
    # Always fetchall: a cursor with unread rows cannot run another statement.
    [(next_id,)] = cursor.execute("SELECT coalesce(max(text_id) + 1, 0) FROM texts").fetchall()
    new: dict[str, list[Any]] = {name: [] for name in _TEXT}
    for key, transcript in zip(keys, transcripts, strict=True):
        if key not in text_ids:
            dialogue = split_response(transcript)
            row = (next_id, key, transcript, dialogue.context, dialogue.response)
            for name, value in zip(_TEXT, row, strict=True):
                new[name].append(value)
            text_ids[key] = next_id
            next_id += 1
    if new["text_id"]:
        insert(cursor, "texts", new)
    return [text_ids[key] for key in keys]


def texts(store: Store, ids: Sequence[int]) -> list[Text]:
    """These texts, in the order of `ids`."""
    return rows(store.read(sql("texts_by_id"), [list(ids)]), Text)


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
    """The first rejected rows, in the order of the source."""
    query = "SELECT source, line, reason, detail, excerpt FROM rejects ORDER BY rowid LIMIT ?"
    return rows(store.read(query, [limit]), Reject)
