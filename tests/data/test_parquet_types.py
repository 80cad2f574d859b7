"""Columns of every type of Parquet as ids, texts and scores: read, or refused by name."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data.pairs import Pair, Reject
from engine.data.readers import Source, read_pairs


def counts(kind: Any, start: int = 1_000) -> Any:
    """Two whole numbers as values of this type."""
    bits = pa.int32() if kind in (pa.date32(), pa.time32("s")) else pa.int64()
    return pa.array([start, start + 1], bits).cast(kind)


OUT_OF_RANGE = 9 * 10**15
# The column, and the first of its values as an id; None if it is refused as one.
TYPES: dict[str, tuple[Any, str | None]] = {
    "date32": (pa.array([date(2024, 1, 1), date(2024, 1, 2)]), "2024-01-01"),
    "date64": (pa.array([date(2024, 1, 1)] * 2, pa.date64()), "2024-01-01"),
    "time32": (pa.array([time(1), time(2)], pa.time32("s")), "01:00:00"),
    "time64 of nanoseconds": (counts(pa.time64("ns")), "00:00:00.000001"),
    "timestamp of seconds": (counts(pa.timestamp("s")), "1970-01-01T00:16:40"),
    "timestamp of nanoseconds": (
        counts(pa.timestamp("ns"), 1_001), "1970-01-01T00:00:00.000001001"
    ),
    "timestamp with a zone": (
        counts(pa.timestamp("s", "Europe/Berlin")), "1970-01-01T01:16:40+01:00"
    ),
    "duration": (counts(pa.duration("s")), "1000000000000"),
    "duration of nanoseconds": (counts(pa.duration("ns")), "1000"),
    "decimal128": (pa.array([Decimal("0.10"), Decimal(2)], pa.decimal128(9, 2)), "0.10"),
    "decimal256": (pa.array([Decimal(10) ** 60] * 2, pa.decimal256(70, 0)), "1" + "0" * 60),
    "binary": (pa.array([b"a", b"b"]), "a"),
    "large binary": (pa.array([b"a", b"b"], pa.large_binary()), "a"),
    "binary of a fixed size": (pa.array([b"ab", b"cd"], pa.binary(2)), "ab"),
    "large string": (pa.array(["a", "b"], pa.large_string()), "a"),
    "string view": (pa.array(["a", "b"], pa.string_view()), "a"),
    "dictionary of texts": (pa.array(["a", "b"]).dictionary_encode(), "a"),
    "dictionary of numbers": (pa.array([5, 6]).dictionary_encode(), "5"),
    "float16": (pa.array(np.array([1, 2], np.float16)), "1"),
    "uint64": (pa.array([2**64 - 1] * 2, pa.uint64()), str(2**64 - 1)),
    "uuid": (pa.array([uuid.UUID(int=5).bytes] * 2, pa.uuid()), str(uuid.UUID(int=5))),
    "json": (pa.array(['"a"', '"b"'], pa.json_()), '"a"'),
    "bytes that are no text": (pa.array([b"\xff\xfe"] * 2), None),
    "a date without a year": (counts(pa.date32(), 10**8), None),
    "a timestamp without a year": (counts(pa.timestamp("ms"), OUT_OF_RANGE), None),
    "a timestamp in no place": (counts(pa.timestamp("s", "Nowhere/Land")), None),
    "a duration without end": (counts(pa.duration("s"), OUT_OF_RANGE * 100), None),
    "map": (pa.array([[("a", 1)]] * 2, pa.map_(pa.string(), pa.int64())), None),
    "map of maps": (
        pa.array([[("a", [("b", 1)])]] * 2, pa.map_(pa.string(), pa.map_(pa.string(), pa.int8()))),
        None,
    ),
    "list": (pa.array([[1], [2]]), None),
    "struct": (pa.array([{"a": 1}] * 2), None),
}  # fmt: skip
TEXTS = ("binary", "string", "dictionary of texts", "json")
REFUSED = (  # the words for what a value is
    "a date", "a time of day", "a time", "a duration", "a number", "a list", "an object", "a UUID",
    "an entry of a map", "out of range", "not valid UTF-8",
)  # fmt: skip


def read(folder: Path, **columns: Any) -> Iterator[Pair | Reject]:
    count = len(next(iter(columns.values())))
    texts = {name: [f"The {name} answer."] * count for name in ("prompt", "chosen", "rejected")}
    pq.write_table(pa.table({**texts, **columns}), folder / "pairs.data")
    return read_pairs(Source(path=folder / "pairs.data"))


@pytest.mark.parametrize("kind", TYPES)
def test_an_id_is_read_or_refused_by_name(kind: str, tmp_path: Path) -> None:
    column, expected = TYPES[kind]
    if kind == "bytes that are no text":  # one row that can be read, or the whole file is refused
        column = pa.array([b"a", *column.to_pylist()])
    *_, first, _ = read(tmp_path, id=column)
    if expected is not None:
        assert isinstance(first, Pair)
        assert first.source_id == expected
    else:
        assert isinstance(first, Reject)
        assert first.detail.startswith("id ")
        assert any(words in first.detail for words in REFUSED)


@pytest.mark.parametrize("kind", TYPES)
def test_a_text_is_read_or_refused_by_name(kind: str, tmp_path: Path) -> None:
    column, expected = TYPES[kind]
    if kind == "bytes that are no text":
        column = pa.array([b"a", *column.to_pylist()])
    *_, first, _ = read(tmp_path, chosen=column)
    if any(name in kind for name in TEXTS):
        assert isinstance(first, Pair)
        assert first.chosen.messages[-1].content == expected
    else:
        assert isinstance(first, Reject)
        assert first.detail.startswith("chosen")
        assert any(words in first.detail for words in REFUSED)


@pytest.mark.parametrize("kind", TYPES)
def test_a_score_is_a_number_or_refused(kind: str, tmp_path: Path) -> None:
    column, _ = TYPES[kind]
    if kind == "bytes that are no text":
        column = pa.array([b"a", *column.to_pylist()])
    *_, first, _ = read(tmp_path, score_chosen=column, score_rejected=column)
    if isinstance(first, Reject):
        assert first.detail.startswith("score_chosen ")
        assert any(words in first.detail for words in REFUSED)
    else:
        assert "date" not in kind and "time" not in kind and "duration" not in kind
        known = ("decimal", "float", "int", "numbers")
        assert (first.facts.score_chosen is not None) == any(name in kind for name in known)
