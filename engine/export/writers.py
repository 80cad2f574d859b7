"""Writers of JSON lines, Parquet and CSV files. Rows are written as they come, not collected."""

from __future__ import annotations

import csv
import gzip
import importlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from engine.visible import csv_cell, json_text

Rows = Sequence[Any]
# What a column holds: `messages` as chat datasets have them, `turns` and `turn` as ShareGPT has.
Kind = Literal["text", "bool", "number", "messages", "turns", "turn"]
Columns = Mapping[str, Kind]  # name → kind, in order
_ENCODER = msgspec.json.Encoder()
Write = Callable[[Rows], None]


@contextmanager
def json_lines(
    path: Path, compressed: bool, head: Any = None, *, visible: bool = False
) -> Iterator[Write]:
    """One JSON object per line, gzipped if `compressed`; `head` is an optional first line. With
    `visible`, unsafe characters are escapes of JSON; else they are as they came."""
    with path.open("wb") as file, _gzipped(file, compressed) as out:

        def write(rows: Rows) -> None:
            lines = _ENCODER.encode_lines(rows)
            out.write(json_text(lines.decode()).encode() if visible else lines)

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
def parquet(
    path: Path, columns: Columns, metadata: dict[str, str], fields: Collection[str] = ()
) -> Iterator[Write]:
    """A Parquet file with these columns, and `metadata` in its footer. `fields` are those that
    messages have beside role and content."""
    arrow: Any = importlib.import_module("pyarrow")
    file: Any = importlib.import_module("pyarrow.parquet")
    schema = _schema(arrow, columns, fields, arrow.json_()).with_metadata(metadata)
    plain = _schema(arrow, columns, fields, arrow.string())
    has_calls = "tool_calls" in fields
    with file.ParquetWriter(path, schema, compression="zstd") as out:

        def write(rows: Rows) -> None:
            if not rows:
                return
            if has_calls:
                rows = [_with_calls_as_text(row, columns) for row in rows]
            batch = arrow.RecordBatch.from_pylist(list(rows), schema=plain)
            out.write_batch(batch.cast(schema) if has_calls else batch)

        yield write


def _schema(arrow: Any, columns: Columns, fields: Collection[str], json_type: Any) -> Any:
    text = arrow.string()
    # The arguments of calls differ from call to call, which only JSON can hold.
    types = {name: json_type if name == "tool_calls" else text for name in fields}
    message = arrow.struct([("role", text), ("content", text), *types.items()])
    turn = arrow.struct([("from", text), ("value", text)])
    kinds: dict[Kind, Any] = {
        "text": text,
        "bool": arrow.bool_(),
        "number": arrow.float64(),
        "messages": arrow.list_(message),
        "turns": arrow.list_(turn),
        "turn": turn,
    }
    return arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])


def _with_calls_as_text(row: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    new = dict(row)
    for name, kind in columns.items():
        if kind == "messages" and new.get(name) is not None:
            new[name] = [
                message | {"tool_calls": json.dumps(message["tool_calls"], ensure_ascii=False)}
                if "tool_calls" in message
                else message
                for message in new[name]
            ]
    return new


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
