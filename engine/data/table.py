"""Tables: CSV files and Parquet files with one pair a row."""

import csv
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.data.jsonl import BOM, Damaged, lines, open_bytes
from engine.data.pairs import Reject, Row, excerpt
from engine.data.rows import (
    COLUMNS,
    columns_found,
    header_columns,
    messages_in_cell,
    recognised,
)
from engine.errors import BadInput

DELIMITERS = (",", "\t", ";")
MAX_CELL = 8 << 20  # well under MAX_LINE: a cell cut with its line must not pass for a whole one
BATCH = 1024


def delimiter_of(header: bytes) -> str | None:
    """The delimiter under which this first line names the columns of a pair, if any does."""
    for delimiter in DELIMITERS:
        if recognised(header_columns(header, delimiter)):
            return delimiter
    return None


def csv_rows(path: Path, name: str) -> Iterator[Row | Reject]:
    """The rows of a CSV file with a header line; the line given is where a row begins."""
    # The limit belongs to the whole process; the module's own 128 KiB is too little for a dialogue.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    with open_bytes(path) as stream:
        content = lines(stream)
        try:
            header = next(content, b"").removeprefix(BOM)
        except Damaged as damage:
            yield damage.reject(name, 1)
            return
        latest = b""

        def text() -> Iterator[str]:
            nonlocal latest
            for latest in content:
                # Bad bytes pass as surrogates, so that they cost one row and not the file.
                yield latest.decode("utf-8", "surrogateescape") + "\n"

        delimiter = delimiter_of(header) or ","
        columns = header_columns(header, delimiter)
        if not header.strip():
            raise BadInput(f"{name} is empty or has no header line")
        if not recognised(columns):
            raise BadInput(f"{name}: {columns_found(columns)}")
        reader = csv.reader(text(), delimiter=delimiter, strict=True)
        while True:
            number = reader.line_num + 2
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Reject(name, number, "unparsable_json", str(error), excerpt(latest))
                continue
            except Damaged as damage:
                yield damage.reject(name, reader.line_num + 2)
                return
            if cells:
                yield _csv_row(name, number, columns, cells)


def _csv_row(name: str, number: int, columns: list[str], cells: list[str]) -> Row | Reject:
    raw = excerpt(",".join(cells))
    if len(cells) > len(columns):
        detail = f"{len(cells)} cells under {len(columns)} columns"
        return Reject(name, number, "wrong_type", detail, raw)
    try:
        "".join(cells).encode("utf-8")
    except UnicodeEncodeError:
        return Reject(name, number, "bad_utf8", "a cell is not UTF-8", raw)
    # A short row's last columns are absent; an empty cell is how CSV writes null.
    row = {
        column: messages_in_cell(cell)
        for column, cell in zip(columns, cells, strict=False)
        if cell or column in ("chosen", "rejected")
    }
    return Row(number, row, raw)


def parquet_rows(path: Path, name: str) -> Iterator[Row | Reject]:
    """The rows of a Parquet file; only the columns that are of use are read."""
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            found = list(file.schema_arrow.names)
            if not recognised(found):
                raise BadInput(f"{name}: {columns_found(found)}")
            wanted = [column for column in found if column in COLUMNS]
            number = 0
            for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
                yield from batch_rows(batch, name, number)
                number += batch.num_rows
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{name} is not a readable Parquet file ({error}); it may be cut short: copy it again"
        ) from None


def batch_rows(batch: Any, name: str, before: int) -> Iterator[Row | Reject]:
    """The rows of one Arrow batch or table, numbered on from `before`."""
    try:
        values = batch.to_pylist()
    except UnicodeDecodeError:
        # One bad text would cost the batch: go row by row.
        for offset in range(batch.num_rows):
            number = before + offset + 1
            try:
                yield _arrow_row(name, number, batch.slice(offset, 1).to_pylist()[0])
            except UnicodeDecodeError as error:
                yield Reject(name, number, "bad_utf8", str(error.reason), excerpt(error.object))
        return
    for number, value in enumerate(values, before + 1):
        yield _arrow_row(name, number, value)


def _arrow_row(name: str, number: int, value: dict[str, object]) -> Row | Reject:
    for column, cell in value.items():
        if isinstance(cell, bytes):
            try:
                value[column] = cell.decode("utf-8")
            except UnicodeDecodeError:
                return Reject(name, number, "bad_utf8", f"{column} is not UTF-8", excerpt(cell))
    return Row(number, value, value)
