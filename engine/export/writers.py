"""Writers of JSON lines, Parquet and CSV files. Rows are written as they come, not collected."""

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
Kind = Literal["text", "messages", "bool"]
Columns = Mapping[str, Kind]  # name → kind, in order
_ENCODER = msgspec.json.Encoder()
Write = Callable[[Rows], None]


@contextmanager
def json_lines(path: Path, compressed: bool, head: Any = None) -> Iterator[Write]:
    """One JSON object per line, gzipped if `compressed`; `head` is an optional first line."""
    with path.open("wb") as file, _gzipped(file, compressed) as out:

        def write(rows: Rows) -> None:
            out.write(_ENCODER.encode_lines(rows))

        if head is not None:
            write([head])
        yield write


@contextmanager
def _gzipped(file: IO[bytes], compressed: bool) -> Iterator[IO[bytes]]:
    if not compressed:
        yield file
        return
    # Without a file name and time in the header, equal exports are equal files.
    with gzip.GzipFile("", "wb", 6, file, mtime=0) as out:
        yield out  # type: ignore[misc]


@contextmanager
def parquet(path: Path, columns: Columns, metadata: dict[str, str]) -> Iterator[Write]:
    """A Parquet file with these columns, and `metadata` in its footer."""
    arrow: Any = importlib.import_module("pyarrow")
    file: Any = importlib.import_module("pyarrow.parquet")
    schema = _schema(arrow, columns).with_metadata(metadata)
    with file.ParquetWriter(path, schema, compression="zstd") as out:

        def write(rows: Rows) -> None:
            if rows:
                out.write_batch(arrow.RecordBatch.from_pylist(list(rows), schema=schema))

        yield write


def _schema(arrow: Any, columns: Columns) -> Any:
    text = arrow.string()
    types: dict[Kind, Any] = {
        "text": text,
        "messages": arrow.list_(arrow.struct([("role", text), ("content", text)])),
        "bool": arrow.bool_(),
    }
    return arrow.schema([(name, types[kind]) for name, kind in columns.items()])


@contextmanager
def sheet(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    """CSV that is safe in a spreadsheet: no formulas, no invisible characters."""
    # Without a byte order mark, Excel assumes the local code page.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns)

        def write(rows: Rows) -> None:
            out.writerows([_cell(row[name]) for name in columns] for row in rows)

        yield write


def _cell(value: Any) -> Any:
    return csv_cell(value) if isinstance(value, str) else value


def text(path: Path, content: str) -> None:
    """Writes a UTF-8 text file with Unix line ends."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(content)
