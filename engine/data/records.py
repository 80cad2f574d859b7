"""Reads recorded results as rows of named fields: CSV, TSV, JSON lines, JSON list, JSON columns.

A few bad pairs are acceptable, but a file of recorded results is used completely or not at all:
any problem in it is a BadInput with the number of rows affected and examples.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from engine.data.foreign import foreign
from engine.data.jsonl import BOM, MAX_LINE, GzipDamage, lines, open_bytes, peek, whole
from engine.data.layouts.base import text_field
from engine.data.table import header_columns
from engine.errors import BadInput, SealError, unreadable

EXAMPLES = 3
MAX_CELL = 8 << 20
IDS = ("row_id", "id")
SIDES = ("chosen", "rejected")


class Record(NamedTuple):
    """One row. `line` is one-based; in a JSON list or JSON columns it counts items."""

    line: int
    fields: Mapping[str, Any]


class Problems:
    """Collects the problems of a file's rows, to report how many there are of a kind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._by_kind: dict[str, list[tuple[int, str]]] = {}

    def add(self, kind: str, line: int, message: str) -> None:
        """Records a problem; problems of the same `kind` are counted together."""
        self._by_kind.setdefault(kind, []).append((line, message))

    def check(self) -> None:
        """Raises BadInput if there is a problem: the first one, then the number of its kind."""
        for kind, rows in self._by_kind.items():
            (line, message), *more = rows
            total = f"; {len(rows):,} {kind}, lines {examples([line for line, _ in rows])}"
            raise BadInput(f"{self.path}, line {line}: {message}" + (total if more else ""))


def examples(values: Sequence[object]) -> str:
    """The first few values, for a message."""
    first = ", ".join(str(value)[:40] for value in values[:EXAMPLES])
    return first + (", …" if len(values) > EXAMPLES else "")


def read_records(path: Path) -> Iterator[Record]:
    """The file's rows. Raises BadInput, while iterating, at the first one that is unreadable."""
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    try:
        head = peek(path).lstrip()
        if (what := foreign(head)) is not None:
            raise BadInput(f"{path} {what}")
        if head.startswith(b"PAR1"):
            raise BadInput(f"{path} is a Parquet file: recorded results are CSV or JSON lines")
        if not head:
            _decompress(path)
        else:
            yield from _json(path) if head[:1] in (b"{", b"[") else _csv(path)
    except GzipDamage:
        raise BadInput(f"{path}: the gzip file is corrupt or truncated: copy it again") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not valid UTF-8: save it as UTF-8") from None
    except (SealError, MemoryError):
        raise
    except Exception as error:
        raise unreadable(path, error) from error


def _decompress(path: Path) -> None:
    """Raises GzipDamage for a file that begins as gzip and of which nothing could be read."""
    with open_bytes(path) as stream:
        next(lines(stream), None)


def _lines(path: Path, stream: BinaryIO) -> Iterator[str]:
    """The lines, each with its end; what is no valid UTF-8 raises UnicodeDecodeError."""
    for number, line in enumerate(lines(stream), 1):
        if len(line) > MAX_LINE:
            raise BadInput(
                f"{path}, line {number}: longer than {MAX_LINE >> 20} MiB: write one row per line"
            )
        yield (line.removeprefix(BOM) if number == 1 else line).decode("utf-8") + "\n"


def _csv(path: Path) -> Iterator[Record]:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    with open_bytes(path) as raw:
        # A carriage return alone ends a line as well.
        text = (
            part.decode("utf-8")
            for line in _lines(path, raw)
            for part in line.encode("utf-8").splitlines(keepends=True)
        )
        header = next(text, "")
        delimiter = max(",\t;", key=header.count)
        columns = header_columns(header.encode(), delimiter)
        if len(set(columns)) < 2:
            raise BadInput(f"{path}, line 1: no header line with column names, and no JSON")
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        line = 2
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise BadInput(f"{path}, line {line}: {error}") from None
            if cells is None:
                return
            if len(cells) > len(columns) or (cells and len(cells) < len(columns)):
                detail = f"{len(cells)} cells in a table of {len(columns)} columns"
                raise BadInput(f"{path}, line {line}: {detail}")
            if cells:  # an empty cell is null
                yield Record(line, {n: c or None for n, c in zip(columns, cells, strict=True)})
            line = reader.line_num + 2


def _json(path: Path) -> Iterator[Record]:
    """JSON lines, or a single JSON text: a list of rows, or an object of equally long columns."""
    with open_bytes(path) as raw:
        first = next((line for line in lines(raw) if line.strip()), b"").removeprefix(BOM)
    row = None if len(first) > MAX_LINE else _parse(first.decode("utf-8"))
    if not isinstance(row, dict) or _is_columns(row):
        content, damage = whole(path, str(path))
        if damage is not None:
            raise damage
        yield from _rows_of(path, _parse(content.decode("utf-8")))
        return
    with open_bytes(path) as raw:
        for number, line in enumerate(_lines(path, raw), 1):
            if not line.strip():
                continue
            row = _parse(line)
            if not isinstance(row, dict):
                raise BadInput(f"{path}, line {number}: expected a JSON object")
            yield Record(number, row)


def _parse(text: str) -> object:
    try:
        return json.loads(text)  # accepts NaN and Infinity, so that the caller can name the value
    except (ValueError, RecursionError):
        return None


def _is_columns(row: Mapping[str, object]) -> bool:
    return any(isinstance(row.get(name), list) for name in IDS)


def _rows_of(path: Path, content: object) -> Iterator[Record]:
    if isinstance(content, dict) and _is_columns(content):
        columns = {name: cells for name, cells in content.items() if isinstance(cells, list)}
        if len({len(cells) for cells in columns.values()}) > 1:
            sizes = examples([f"{name} {len(cells):,}" for name, cells in columns.items()])
            raise BadInput(f"{path}: the columns have different lengths: {sizes}")
        rows = zip(*columns.values(), strict=True)
        content = [dict(zip(columns, row, strict=True)) for row in rows]
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise BadInput(f"{path} is neither JSON lines nor a JSON list of objects")
    for number, row in enumerate(content, 1):
        yield Record(number, row)


def key_of(path: Path, record: Record) -> str:
    """The id of the pair that a row belongs to."""
    key = text_field(record.fields, IDS)
    if key is None:
        raise BadInput(
            f"{path}, line {record.line}: no {' or '.join(IDS)}: results are joined to pairs "
            "by id, not by position"
        )
    return key
