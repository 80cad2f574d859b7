"""Files that unpack to far more than their size: read in little memory, or refused in one line."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from engine import data
from engine.data import jsonl, parquet_size, records, waiting
from engine.data.options import Options
from engine.errors import BadInput
from engine.models.recorded import read_labels, read_scores
from engine.taxonomy import load

SAID = "\n\nHuman: {}\n\nAssistant: {}"
GOOD = json.dumps({"chosen": SAID.format("hi", "yes"), "rejected": SAID.format("hi", "no")})


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (jsonl, records, parquet_size):
        monkeypatch.setattr(module, "MAX_LINE", 1 << 20)
    monkeypatch.setattr(jsonl, "MAX_WHOLE", 1 << 20)


@pytest.fixture
def bomb(tmp_path: Path) -> Callable[[str, list[bytes]], Path]:
    """Writes gzip files: these parts, and 64 MiB of one byte in the place of an empty one."""

    def write(name: str, parts: list[bytes]) -> Path:
        path = tmp_path / name
        with gzip.open(path, "wb", compresslevel=1) as file:
            for part in parts:
                for piece in [part] if part else [b"a" * (1 << 20)] * 64:
                    file.write(piece)
        assert path.stat().st_size < 1 << 20
        return path

    return write


def peak(work: Callable[[], Any]) -> tuple[Any, int]:
    """What `work` returns, or the error it raises, and the most bytes that Python had for it."""
    tracemalloc.start()
    try:
        found = work()
    except BadInput as error:
        found = error
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return found, most


def reasons(path: Path) -> list[str]:
    items: Iterator[data.Pair | data.Reject] = data.read_pairs(data.Source(path=path))
    return [item.reason if isinstance(item, data.Reject) else "pair" for item in items]


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    ("name", "parts", "found"),
    [
        (
            "a.jsonl.gz",
            [GOOD.encode(), b'\n{"chosen": "', b"", b'"}\n', GOOD.encode()],
            ["pair", "too_long", "pair"],
        ),
        (
            "a.json.gz",
            [b"[\n" + GOOD.encode(), b',\n{"chosen": "', b"", b'"}, ' + GOOD.encode() + b"]"],
            ["pair", "too_long", "pair"],
        ),
        ("a.csv.gz", [b'chosen,rejected\n"', b"", b'",b\n'], ["unparsable_json"]),
    ],
)
def test_a_row_of_gigabytes_is_one_reject_and_never_in_memory(
    name: str,
    parts: list[bytes],
    found: list[str],
    bomb: Callable[[str, list[bytes]], Path],
) -> None:
    path = bomb(name, parts)
    if name == "a.csv.gz":
        error, most = peak(lambda: reasons(path))
        assert isinstance(error, BadInput)
    else:
        rows, most = peak(lambda: reasons(path))
        assert rows == found
    assert most < 16 << 20


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([b'{"id": "1", "side": "chosen", "labels": {}}\n', b'{"id": "', b"", b'"}'], "line 2"),
        ([b'{"id": ["', b"", b'"]}'], "convert it to JSON lines"),
        ([b'[{"id": "', b"", b'"}]'], "convert it to JSON lines"),
        ([b"row_id,preference,text\n1,chosen,", b"", b"\n"], "line 2: longer than 1 MiB"),
        ([b"row_id,preference,text", b"", b"\n"], "line 1: longer than 1 MiB"),
    ],
)
def test_a_recorded_row_of_gigabytes_is_one_line(
    parts: list[bytes], said: str, bomb: Callable[[str, list[bytes]], Path]
) -> None:
    path = bomb("labels.gz", parts)
    for read in (lambda: read_labels(path, load()), lambda: list(records.read_records(path))):
        error, most = peak(read)
        assert isinstance(error, BadInput)
        assert most < 16 << 20
    assert said in str(error)
    with pytest.raises(BadInput):
        read_scores(path)


def columns(size: int, rows: int) -> pyarrow.Table:
    """Rows that all name one value of a dictionary."""
    value = pyarrow.array([SAID.format("hi", "a" * size)])
    numbers = pyarrow.array([0] * rows, pyarrow.int32())
    chosen = pyarrow.DictionaryArray.from_arrays(numbers, value)
    return pyarrow.table({"chosen": chosen, "rejected": [SAID.format("hi", "no")] * rows})


@pytest.mark.parametrize("size", [100, 100_000])
def test_rows_of_parquet_that_share_a_value_are_unpacked_a_few_at_a_time(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(columns(size, 300), path, compression="zstd")
    monkeypatch.setattr(parquet_size, "MOST", 1 << 20)
    group = parquet.ParquetFile(path).metadata.row_group(0)
    at_once = parquet_size.rows_at_once(path, "a.parquet", group)
    assert (at_once == parquet_size.ROWS) == (size == 100)
    assert at_once * size <= 1 << 20
    assert reasons(path) == ["pair"] * 300


@pytest.mark.usefixtures("small_limits")
def test_a_value_of_parquet_that_unpacks_to_more_than_a_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = columns(2 << 20, 300)
    parquet.write_table(table, path, compression="zstd", dictionary_pagesize_limit=1 << 30)
    assert path.stat().st_size < 1 << 16
    with pytest.raises(BadInput, match='column "chosen" unpack to 2 MiB, and a row has at most'):
        reasons(path)


def test_rows_that_wait_for_their_group_are_in_a_file_and_come_back_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(size: int) -> list[str]:
        return [
            json.dumps(
                {
                    "prompt": f"question {n % 40}",
                    "completion": f"{n} " + "b" * size,
                    "label": n < 40,
                }
            )
            for n in range(80)
        ]

    def read() -> list[data.Pair | data.Reject]:
        return list(data.read_pairs(data.Source(path=path, options=Options())))

    path = tmp_path / "kto.jsonl"
    path.write_text("\n".join(rows(1_000)))
    here = read()
    monkeypatch.setattr(waiting, "IN_MEMORY", 1_000)
    assert read() == here
    assert len(here) == 40

    path.write_text("\n".join(rows(100_000)))
    _, most = peak(lambda: next(iter(data.read_pairs(data.Source(path=path)))))
    assert most < 4 << 20
