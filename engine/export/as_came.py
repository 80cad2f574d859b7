"""Writes rows in the format of the file that they came from."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from engine.data.annotated import COMPARISONS, unframed
from engine.data.origin import SourceFile
from engine.data.values import plain, restored
from engine.errors import BadInput


class Written(NamedTuple):
    """A row to write: `content` is the JSON object as it came, `changed` what a decision made of
    it, if it did."""

    line: int
    content: str
    changed: Mapping[str, Any] | None

    def values(self) -> Mapping[str, Any]:
        if self.changed is not None:
            return self.changed
        value: Mapping[str, Any] = json.loads(self.content)
        return value

    def text(self) -> str:
        """The row as JSON."""
        return (
            self.content if self.changed is None else json.dumps(self.changed, ensure_ascii=False)
        )


Write = Callable[[Sequence[Written]], None]

# By the kind of the source: the endings of a file that is read as that kind again.
ENDINGS = {
    "jsonl": (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"),
    "list": (".json", ".json.gz"),
    "annotated": (".json", ".json.gz"),
    "csv": (".csv", ".csv.gz"),
    "parquet": (".parquet",),
}
_TSV = (".tsv", ".tsv.gz")


def endings(file: SourceFile) -> tuple[str, ...]:
    return _TSV if file.kind == "csv" and file.delimiter == "\t" else ENDINGS[file.kind]


@contextmanager
def writer(
    file: SourceFile, path: Path, compressed: bool, metadata: dict[str, str]
) -> Iterator[Write]:
    """A file of the same format as `file`: a table has its columns, a Parquet file its schema, with
    `metadata` added to it. Raises BadInput if a column's values cannot be written back."""
    if file.kind == "parquet":
        with _parquet(file, path, metadata) as write:
            yield write
        return
    with path.open("wb") as raw:
        # Without a file name and time in the header, equal exports are equal files.
        out: Any = gzip.GzipFile("", "wb", 6, raw, mtime=0) if compressed else raw
        try:
            kinds = {"jsonl": _json_lines, "list": _json_list, "csv": _csv, "annotated": _framed}
            with kinds[file.kind](file, out) as write:
                yield write
        finally:
            if compressed:
                out.close()


@contextmanager
def _json_lines(file: SourceFile, out: IO[bytes]) -> Iterator[Write]:
    def write(rows: Sequence[Written]) -> None:
        out.write("".join(f"{row.text()}\n" for row in rows).encode())

    yield write


@contextmanager
def _json_list(file: SourceFile, out: IO[bytes]) -> Iterator[Write]:
    separator = "\n"

    def write(rows: Sequence[Written]) -> None:
        nonlocal separator
        for row in rows:
            out.write(f"{separator}{row.text()}".encode())
            separator = ",\n"

    out.write(b"[")
    yield write
    out.write(b"\n]\n")


@contextmanager
def _framed(file: SourceFile, out: IO[bytes]) -> Iterator[Write]:
    """One JSON object with the rows in a list."""
    frame = json.loads(file.frame)
    frame.pop(COMPARISONS, None)
    members = "".join(f"{json.dumps(key)}: {json.dumps(value)}, " for key, value in frame.items())
    separator = "\n"

    def write(rows: Sequence[Written]) -> None:
        nonlocal separator
        for row in rows:
            text = json.dumps(unframed(row.values()), ensure_ascii=False)
            out.write(f"{separator}{text}".encode())
            separator = ",\n"

    out.write(f'{{{members}"{COMPARISONS}": ['.encode())
    yield write
    out.write(b"\n]}\n")


@contextmanager
def _csv(file: SourceFile, out: IO[bytes]) -> Iterator[Write]:
    if len(set(file.columns)) < len(file.columns):
        raise BadInput(f"{file.name} has two columns of one name: export another format")
    text = io.StringIO(newline="")
    table = csv.writer(text, delimiter=file.delimiter, lineterminator="\n")

    def flush() -> None:
        out.write(text.getvalue().encode())
        text.seek(0)
        text.truncate()

    def write(rows: Sequence[Written]) -> None:
        for row in rows:
            values = row.values()
            # A row that ended early does so again.
            table.writerow([values[name] for name in file.columns if name in values])
        flush()

    if file.bom:
        text.write("\ufeff")
    table.writerow(file.columns)
    flush()
    yield write


@contextmanager
def _parquet(file: SourceFile, path: Path, metadata: dict[str, str]) -> Iterator[Write]:
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    schema = file.arrow_schema
    columns = _columns(file, schema)
    values = arrow.schema([field.with_type(plain(field.type)) for field in schema])
    schema = schema.with_metadata({**(schema.metadata or {}), **metadata})
    is_plain = values.equals(schema)

    def write(rows: Sequence[Written]) -> None:
        if not rows:
            return
        made = [_restored(file, columns, row) for row in rows]
        try:
            batch = arrow.RecordBatch.from_pylist(made, schema=values)
            out.write_batch(batch if is_plain else batch.cast(schema))
        except (arrow.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise BadInput(
                f"{file.name}, rows {rows[0].line} to {rows[-1].line}: a value does not fit the "
                f"column's type ({str(error).splitlines()[0]}): export another format"
            ) from None

    with parquet.ParquetWriter(path, schema, compression="zstd") as out:
        yield write


def _columns(file: SourceFile, schema: Any) -> dict[str, Callable[[Any], Any]]:
    columns = {}
    for field in schema:
        try:
            columns[field.name] = restored(field.type)
        except TypeError as error:
            raise BadInput(
                f"{file.name}: column {field.name} has values of type {error}, which are not kept "
                "exactly: export another format"
            ) from None
    return columns


def _restored(
    file: SourceFile, columns: dict[str, Callable[[Any], Any]], row: Written
) -> dict[str, Any]:
    values = row.values()
    made = {}
    for name, convert in columns.items():
        try:
            made[name] = convert(values.get(name))
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            raise BadInput(
                f"{file.name}, row {row.line}: the value in {name} does not fit the column's type: "
                "export another format"
            ) from None
    return made
