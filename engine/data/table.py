"""CSV and Parquet files with one pair per row."""

import csv
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.data.jsonl import BOM, GzipDamage, lines, open_bytes
from engine.data.layouts import recognised
from engine.data.options import Options
from engine.data.pairs import Reason, Reject, Row, excerpt
from engine.data.parquet_size import rows_at_once
from engine.errors import BadInput

DELIMITERS = (",", "\t", ";")
MAX_CELL = 8 << 20  # far below MAX_LINE, so that a cell cut with its line is too long
_READ = 1 << 20


def header_columns(line: bytes, delimiter: str = ",") -> list[str]:
    """The column names of a CSV header line; empty if a bare carriage return splits the line."""
    try:
        return next(csv.reader([line.decode("utf-8", "replace")], delimiter=delimiter), [])
    except csv.Error:
        return []


def delimiter_of(header: bytes, options: Options) -> str | None:
    """The delimiter with which this header line names the columns of a layout, or None."""
    for delimiter in DELIMITERS:
        if recognised(header_columns(header, delimiter), options):
            return delimiter
    return None


def delimiter_of_header(header: bytes, options: Options) -> str:
    """The same for a file that is a table by its name: else the most frequent delimiter."""
    return delimiter_of(header, options) or max(
        DELIMITERS, key=header.decode("utf-8", "replace").count
    )


def csv_rows(path: Path, name: str, options: Options) -> Iterator[Row | Reject]:
    """The rows of a CSV file with a header. A row's line number is that of its first line."""
    # A process-wide limit; the default of 128 KiB is too small for a conversation.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    with open_bytes(path) as stream:
        content = lines(stream)
        try:
            header = next(content, b"").removeprefix(BOM)
        except GzipDamage as damage:
            yield damage.reject(name, 1)
            return
        last_line = b""

        def text() -> Iterator[str]:
            nonlocal last_line
            for last_line in content:
                # Invalid bytes become surrogates, so that they affect one row and not the file.
                yield last_line.decode("utf-8", "surrogateescape") + "\n"

        if not header.strip():
            raise BadInput(f"{name} is empty or has no header line")
        delimiter = delimiter_of_header(header, options)
        if b"\r" in header.rstrip(b"\r"):
            raise BadInput(f"{name} has no line feeds at the ends of its lines: save it anew")
        columns = header_columns(header, delimiter)
        _check_names(columns, name)
        reader = csv.reader(text(), delimiter=delimiter, strict=True)
        while True:
            number = reader.line_num + 2
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Reject(name, number, "unparsable_json", str(error), excerpt(last_line))
                continue
            except GzipDamage as damage:
                yield damage.reject(name, reader.line_num + 2)
                return
            if cells:
                yield _csv_row(name, number, columns, cells)


def _csv_row(name: str, number: int, columns: list[str], cells: list[str]) -> Row | Reject:
    raw = excerpt(",".join(cells))
    if len(cells) != len(columns):
        detail = f"{len(cells)} cells in a table of {len(columns)} columns"
        reason: Reason = "missing_field" if len(cells) < len(columns) else "wrong_type"
        return Reject(name, number, reason, detail, raw)
    try:
        "".join(cells).encode("utf-8")
    except UnicodeEncodeError:
        return Reject(name, number, "bad_utf8", "a cell is not valid UTF-8", raw)
    return Row(number, dict(zip(columns, cells, strict=True)), raw)


def parquet_rows(path: Path, name: str) -> Iterator[Row | Reject]:
    """The rows of a Parquet file."""
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    try:
        # Without a buffer ahead, a row group of gigabytes is read page by page.
        how = {"pre_buffer": False, "buffer_size": _READ, "page_checksum_verification": True}
        with parquet.ParquetFile(path, **how) as file:
            _check_names(file.schema_arrow.names, name)
            number = 0
            for group in range(file.num_row_groups):
                at_once = rows_at_once(path, name, file.metadata.row_group(group))
                for batch in file.iter_batches(at_once, row_groups=[group]):
                    yield from batch_rows(batch, name, number)
                    number += batch.num_rows
    except NotImplementedError as error:
        raise BadInput(
            f"{name} uses a type or a compression of Parquet that cannot be read here: write it "
            "again with plain types and zstd compression"
        ) from error
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{name} is not a readable Parquet file: it is damaged, cut short or encrypted; "
            "copy it again"
        ) from error


def _check_names(columns: Sequence[str], name: str) -> None:
    """Raises BadInput if two columns have one name: only one of them could be read."""
    twice = [column for column in columns if column and columns.count(column) > 1]
    if twice:
        raise BadInput(f'{name} has two columns called "{twice[0][:40]}": rename or remove one')


def batch_rows(batch: Any, name: str, before: int) -> Iterator[Row | Reject]:
    """The rows of one Arrow batch or table; `before` rows came earlier."""
    binary = [field.name for field in batch.schema if "binary" in str(field.type)]
    try:
        values = batch.to_pylist()
    except Exception:  # of another class for every type of a column
        # Convert row by row, so that one bad text or date does not reject the whole batch.
        for offset in range(batch.num_rows):
            yield _lone_row(batch.slice(offset, 1), name, before + offset + 1, binary)
        return
    for number, value in enumerate(values, before + 1):
        yield _arrow_row(name, number, value, binary)


def _lone_row(row: Any, name: str, number: int, binary: Sequence[str]) -> Row | Reject:
    """The only row of a batch, or a reject that names the column which cannot be read."""
    value: dict[str, Any] = {}
    for field, column in zip(row.schema, row.columns, strict=True):
        try:
            (value[field.name],) = column.to_pylist()
        except UnicodeDecodeError as error:
            detail = f"{field.name} is not valid UTF-8"
            return Reject(name, number, "bad_utf8", detail, excerpt(error.object))
        except Exception:
            kind = str(field.type)
            zone = ", or its time zone is unknown" if "tz=" in kind else ""
            detail = f"{field.name} holds a {kind} that is out of range{zone}"
            return Reject(name, number, "wrong_type", detail, "")
    return _arrow_row(name, number, value, binary)


def _arrow_row(
    name: str, number: int, value: dict[str, Any], binary: Sequence[str]
) -> Row | Reject:
    """A row whose columns in `binary` have texts as bytes."""
    for column in binary:
        value[column] = _decoded(value[column])
        if isinstance(value[column], bytes):
            raw = excerpt(value[column])
            return Reject(name, number, "bad_utf8", f"{column} is not valid UTF-8", raw)
    return Row(number, value, value)


def _decoded(cell: Any) -> Any:
    """A cell with all binary texts in it decoded; what is no text, such as an image, stays."""
    if isinstance(cell, bytes):
        try:
            return cell.decode("utf-8")
        except UnicodeDecodeError:
            return cell
    if isinstance(cell, list):
        return [_decoded(item) for item in cell]
    if isinstance(cell, dict):
        return {key: _decoded(item) for key, item in cell.items()}
    return cell
