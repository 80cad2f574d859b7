"""Recorded results as rows of named fields: CSV or TSV, JSON lines, a JSON list, JSON columns.

Unlike pairs, of which a few may be bad, recorded results are taken whole or not at all: everything
that is wrong with a file is a BadInput with the number of rows and examples.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine.data.jsonl import beginning, open_bytes
from engine.data.pairs import Reject, Row
from engine.data.rows import IDS, header_columns, own_id, recognised
from engine.errors import BadInput

EXAMPLES = 3
MAX_CELL = 8 << 20
MAX_HEADER = 64 << 10
ENTRY = ("preference", "text")  # beside an id: one side of a pair per row, as in label files
SIDES = ("chosen", "rejected")


class Record(NamedTuple):
    """One row. `line` counts from 1, in a JSON list or in JSON columns the item."""

    line: int
    fields: Mapping[str, Any]


class Faults:
    """What is wrong with a file's rows, gathered so that a person is told how often."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: dict[str, list[tuple[int, str]]] = {}

    def add(self, kind: str, line: int, words: str) -> None:
        self._found.setdefault(kind, []).append((line, words))

    def check(self) -> None:
        """Raises BadInput if there was any fault: the first whole, then how many are like it."""
        for kind, rows in self._found.items():
            (line, words), *more = rows
            told = f"; {len(rows):,} {kind}, lines {some([line for line, _ in rows])}"
            raise BadInput(f"{self.path}, line {line}: {words}" + (told if more else ""))


def some(values: Sequence[object]) -> str:
    """A few of these for a message."""
    shown = ", ".join(str(value)[:40] for value in values[:EXAMPLES])
    return shown + (", …" if len(values) > EXAMPLES else "")


def read_records(path: Path) -> Iterator[Record]:
    """The file's rows. Raises BadInput, while iterating, at the first that cannot be read."""
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    try:
        head = beginning(path).lstrip()
        if head:
            yield from _json(path) if head[:1] in (b"{", b"[") else _csv(path)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise BadInput(f"{path}: the gzip file is damaged or cut short: copy it again") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from None


def _csv(path: Path) -> Iterator[Record]:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    with open_bytes(path) as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as text:
        header = text.readline()
        delimiter = max(",\t;", key=header.count)
        columns = header_columns(header.encode(), delimiter)
        if len(set(columns)) < 2:
            raise BadInput(f"{path}, line 1: no header line with column names")
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
                detail = f"{len(cells)} cells under {len(columns)} columns"
                raise BadInput(f"{path}, line {line}: {detail}")
            if cells:  # an empty cell is how CSV writes null
                yield Record(line, {n: c or None for n, c in zip(columns, cells, strict=True)})
            line = reader.line_num + 2


def _json(path: Path) -> Iterator[Record]:
    """JSON lines; a file that is one JSON text is a list of rows, or columns of equal length."""
    with open_bytes(path) as raw, io.TextIOWrapper(raw, "utf-8-sig") as text:
        rows = ((number, line) for number, line in enumerate(text, 1) if line.strip())
        number, line = next(rows)
        row = _parsed(line)
        if not isinstance(row, dict) or _is_columns(row):
            yield from _whole(path, _parsed(line + text.read()))
            return
        yield Record(number, row)
        for number, line in rows:
            row = _parsed(line)
            if not isinstance(row, dict):
                raise BadInput(f"{path}, line {number}: expected a JSON object")
            yield Record(number, row)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)  # NaN and Infinity pass, to be named by who reads them
    except (ValueError, RecursionError):
        return None


def _is_columns(row: Mapping[str, object]) -> bool:
    return any(isinstance(row.get(name), list) for name in IDS)


def _whole(path: Path, content: object) -> Iterator[Record]:
    if isinstance(content, dict) and _is_columns(content):
        columns = {name: of for name, of in content.items() if isinstance(of, list)}
        if len({len(of) for of in columns.values()}) > 1:
            sizes = some([f"{name} {len(of):,}" for name, of in columns.items()])
            raise BadInput(f"{path}: its columns are not equally long: {sizes}")
        rows = zip(*columns.values(), strict=True)
        content = [dict(zip(columns, row, strict=True)) for row in rows]
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise BadInput(f"{path} is neither JSON lines nor a JSON list of objects")
    for number, row in enumerate(content, 1):
        yield Record(number, row)


def key_of(path: Path, record: Record) -> str:
    """The pair that a row is of."""
    key = own_id(record.fields)
    if key is None:
        raise BadInput(
            f"{path}, line {record.line}: expected {' or '.join(IDS)}: results are joined to the "
            "pairs by key, never by position"
        )
    return key


def holds_entries(header: bytes) -> bool:
    """Whether this first line of a CSV file names one side of a pair per row, with its text."""
    if len(header) > MAX_HEADER or header.startswith((b"{", b"[")):
        return False
    columns = header_columns(header)
    keyed = any(name in columns for name in IDS)
    return keyed and set(ENTRY) <= set(columns) and not recognised(columns)


def entry_pairs(path: Path, name: str) -> Iterator[Row | Reject]:
    """The pairs of a file with one side per row, in the order in which they become whole."""
    halves: dict[str, tuple[int, str, str]] = {}
    for record in read_records(path):
        key, fields = key_of(path, record), record.fields
        side, text = str(fields["preference"]), str(fields["text"] or "")
        if side not in SIDES:
            detail = f"preference is {side[:40]!r}, must be chosen or rejected"
            yield Reject(name, record.line, "wrong_type", detail, text[:200])
            continue
        line, other, before = halves.pop(key, (record.line, "", ""))
        if other in ("", side):
            halves[key] = (record.line, side, text)
            if other:
                yield _half(name, key, line, other, before)
            continue
        value = {"row_id": key, side: text, other: before}
        yield Row(line, value, value)
    for key, (line, side, text) in halves.items():
        yield _half(name, key, line, side, text)


def _half(name: str, key: str, line: int, side: str, text: str) -> Reject:
    detail = f"row_id {key[:40]} has {side} only, or twice"
    return Reject(name, line, "missing_field", detail, text[:200])
