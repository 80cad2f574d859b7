"""Rows to a file, as they come: JSON lines, Parquet, CSV. Nothing of them stays in memory."""

from __future__ import annotations

import csv
import gzip
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from engine.visible import csv_cell

Rows = Sequence[Any]
Kind = Literal["text", "turns", "bool"]  # of a column; turns: messages with role and content
_ENCODER = msgspec.json.Encoder()
Write = Callable[[Rows], None]


@contextmanager
def json_lines(path: Path, packed: bool, head: Any = None) -> Iterator[Write]:
    """One JSON object a line, in gzip where `packed`; `head` comes first if there is one."""
    with path.open("wb") as file, _packed(file, packed) as out:

        def write(rows: Rows) -> None:
            out.write(_ENCODER.encode_lines(rows))

        if head is not None:
            write([head])
        yield write


@contextmanager
def _packed(file: IO[bytes], packed: bool) -> Iterator[IO[bytes]]:
    if not packed:
        yield file
        return
    # Without a name and a time in it, equal exports are equal files.
    with gzip.GzipFile("", "wb", 6, file, mtime=0) as out:
        yield out  # type: ignore[misc]


@contextmanager
def parquet(path: Path, columns: Mapping[str, Kind], metadata: dict[str, str]) -> Iterator[Write]:
    """A Parquet file with these columns, `metadata` in its footer."""
    arrow: Any = importlib.import_module("pyarrow")
    file: Any = importlib.import_module("pyarrow.parquet")
    schema = _schema(arrow, columns).with_metadata(metadata)
    with file.ParquetWriter(path, schema, compression="zstd") as out:

        def write(rows: Rows) -> None:
            if rows:
                out.write_batch(arrow.RecordBatch.from_pylist(list(rows), schema=schema))

        yield write


def _schema(arrow: Any, columns: Mapping[str, Kind]) -> Any:
    text = arrow.string()
    types: dict[Kind, Any] = {
        "text": text,
        "turns": arrow.list_(arrow.struct([("role", text), ("content", text)])),
        "bool": arrow.bool_(),
    }
    return arrow.schema([(name, types[kind]) for name, kind in columns.items()])


@contextmanager
def sheet(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    """CSV that a spreadsheet may open: no cell is a formula, no character invisible."""
    # Excel takes a file without the mark for one in the code page of the machine.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns)

        def write(rows: Rows) -> None:
            out.writerows([_cell(row[name]) for name in columns] for row in rows)

        yield write


def _cell(value: Any) -> Any:
    return csv_cell(value) if isinstance(value, str) else value


def text(path: Path, content: str) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(content)
