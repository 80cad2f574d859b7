"""Rows to a file, as they come: JSON lines, Parquet, CSV. Nothing of them stays in memory."""

from __future__ import annotations

import csv
import gzip
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from engine.visible import csv_cell

Rows = Sequence[Any]
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
def parquet(path: Path, kind: str, metadata: dict[str, str]) -> Iterator[Write]:
    """A Parquet file of rows of this kind, `metadata` in its footer."""
    arrow: Any = importlib.import_module("pyarrow")
    file: Any = importlib.import_module("pyarrow.parquet")
    schema = _schema(arrow, kind).with_metadata(metadata)
    with file.ParquetWriter(path, schema, compression="zstd") as out:

        def write(rows: Rows) -> None:
            if rows:
                out.write_batch(arrow.RecordBatch.from_pylist(list(rows), schema=schema))

        yield write


def _schema(arrow: Any, kind: str) -> Any:
    text = arrow.string()
    turns = arrow.list_(arrow.struct([("role", text), ("content", text)]))
    columns = {"id": text, "topic": text, "prompt": text, "chosen": text, "rejected": text}
    match kind:
        case "trl-messages":
            columns |= {"prompt": turns, "chosen": turns, "rejected": turns}
        case "hub":
            columns |= {"prompt": turns, "chosen": turns, "rejected": turns, "verdict": text}
        case "kto":
            columns = {"id": text, "topic": text, "prompt": text, "completion": text}
            columns["label"] = arrow.bool_()
    return arrow.schema(list(columns.items()))


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
