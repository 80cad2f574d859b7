"""Reads a source of preference pairs, in any format, as a stream of pairs and rejects."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from engine.data.annotated import comparison_rows, is_annotated
from engine.data.foreign import foreign
from engine.data.hub import hub_rows
from engine.data.jsonl import jsonl_rows, list_rows, peek
from engine.data.options import Options
from engine.data.pairs import Pair, Reject, Row
from engine.data.rows import RowReader
from engine.data.table import csv_rows, delimiter_of, parquet_rows
from engine.errors import BadInput, SealError, unreadable

# If a file starts with this many rows that are not pairs at all, it is refused as a whole.
MAX_FOREIGN_ROWS = 1000
_FOREIGN = ("unparsable_json", "not_an_object", "bad_utf8", "missing_field")
DAMAGE = ("truncated_gzip", "corrupt_gzip")

_JSON_LINES = (".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv")
_SUFFIXES = (*_JSON_LINES, *_TABLES, ".json", ".parquet")
# Metadata that `datasets` writes next to the data.
_NOT_DATA = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
_SPLITS = ("train", "test", "validation", "valid", "val", "dev", "eval")
# Text of more than one character without a byte order mark: every other byte is zero.
_UTF16 = re.compile(rb"(?:[\t\n\r -~]\0){4}|(?:\0[\t\n\r -~]){4}")
_FORMATS = "JSON lines, a JSON list or CSV in UTF-8 (each also as .gz), or Parquet"


Kind = Literal["jsonl", "list", "csv", "parquet", "annotated"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where pairs come from: a file, a folder, or a dataset on the hub."""

    path: Path | None = None
    dataset: str | None = None
    split: str = "train"
    config: str | None = None
    revision: str | None = None
    options: Options = field(default_factory=Options)


def read_pairs(source: Source) -> Iterator[Pair | Reject]:
    """Every row of the source, in order: a Pair, or a Reject with the reason.

    A folder is read recursively, in the order of the files' paths; if file names distinguish
    splits, only those of `source.split` are read. A truncated or corrupt gzip file yields its
    good rows and then one Reject. Raises BadInput, while iterating, if there is nothing to read:
    no such file or dataset, an empty one, or a file that does not contain pairs.
    """
    if (source.path is None) == (source.dataset is None):
        raise BadInput("[data] needs either dataset or path, not both")
    reader = RowReader(source.options)
    empty = True
    for name, rows in _files(source):
        for item in _check_start(name, _pairs(name, rows, reader), reader):
            empty = False
            yield item
    for item in reader.finish():
        empty = False
        yield item
    if empty:
        raise BadInput(f"{source.path or source.dataset} is empty: it has no rows")


def _pairs(name: str, rows: Iterator[Row | Reject], reader: RowReader) -> Iterator[Pair | Reject]:
    for row in rows:
        if isinstance(row, Reject):
            yield row
            if row.reason not in DAMAGE:
                reader.skip()
        else:
            yield from reader.read(name, row)


def _check_start(
    name: str, items: Iterator[Pair | Reject], reader: RowReader
) -> Iterator[Pair | Reject]:
    """Passes the items on. Raises BadInput instead if the file does not contain pairs at all."""
    rejects: list[Reject] = []
    waiting = reader.waiting
    for item in items:
        if not isinstance(item, Reject) or item.reason not in _FOREIGN:
            # Damage is also passed on: it explains why nothing before it could be read.
            yield from rejects
            yield item
            yield from items
            return
        rejects.append(item)
        if len(rejects) == MAX_FOREIGN_ROWS:
            break
    if rejects and reader.waiting == waiting:
        raise BadInput(_format_error(name, rejects))
    yield from rejects
    yield from items


def _format_error(name: str, rejects: list[Reject]) -> str:
    """Why a file is refused. A row with the wrong fields is the best example, if there is one."""
    example = next((reject for reject in rejects if reject.reason == "missing_field"), rejects[0])
    where = f"line {example.line}: {example.detail}"
    if example.reason == "missing_field":
        return f"{name} does not contain preference pairs: {where}"
    if name.endswith(".parquet"):
        return f"{name} has no row that can be read: {where}"
    return f"{name} is not in a supported format ({_FORMATS}): {where}"


def _files(source: Source) -> Iterator[tuple[str, Iterator[Row | Reject]]]:
    if source.dataset is not None:
        rows = hub_rows(source.dataset, source.split, source.config, source.revision)
        yield source.dataset, rows
    elif source.path is not None:
        try:
            files = paths(source.path, source.split)
        except OSError as error:
            raise unreadable(str(source.path), error) from None
        for path in files:
            yield str(path), _file_rows(path, str(path), source.options)


def paths(path: Path, split: str) -> list[Path]:
    """The file itself, or the folder's data files sorted by path. Raises BadInput, OSError."""
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder: check path under [data]")
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInput(f"{path} is neither a file nor a folder: save the data to a file first")
    files = sorted(
        (file.relative_to(path) for file in path.rglob("*") if file.is_file()),
        key=lambda file: file.as_posix(),
    )
    data = [file for file in files if _is_data(file)]
    if not data:
        raise BadInput(f"{path} is a folder without data files ({', '.join(_SUFFIXES)}, .gz)")
    splits = {file: _split_of(file) for file in data}
    names = sorted({name for name in splits.values() if name})
    if names and split not in names:
        raise BadInput(
            f'{path} has no split "{split}", only {", ".join(names)}: set split under [data]'
        )
    return [path / file for file in data if not names or splits[file] == split]


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _is_data(file: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.parts)
    return not hidden and file.name not in _NOT_DATA and _suffix(file) in _SUFFIXES


def _split_of(file: Path) -> str | None:
    """The split that the file's name contains, or else the name of the nearest folder."""
    if shard := re.match(r"(.+?)-\d+-of-\d+\.", file.name):
        return shard.group(1)
    for part in reversed(file.parts):
        for word in re.split(r"[^a-z]+", part.lower()):
            if word in _SPLITS:
                return word
    return None


def _file_rows(path: Path, name: str, options: Options) -> Iterator[Row | Reject]:
    """The rows of one file. Whatever a parser raises, there is one line about the file."""
    try:
        yield from _rows_by_format(path, name, options)
    except (SealError, MemoryError):
        raise
    except Exception as error:
        raise unreadable(name, error) from error


def _rows_by_format(path: Path, name: str, options: Options) -> Iterator[Row | Reject]:
    match file_kind(path, name, options):
        case "parquet":
            return parquet_rows(path, name)
        case "csv":
            return csv_rows(path, name, options)
        case "list":
            return list_rows(path, name)
        case "annotated":
            return comparison_rows(path, name)
        case _:
            return jsonl_rows(path, name)


def file_kind(path: Path, name: str, options: Options) -> Kind:
    """The format of a file, by its content before its name. Raises BadInput."""
    head = peek(path)
    suffix = _suffix(path)
    first, _, rest = head.strip().partition(b"\n")
    if head.startswith(b"PAR1"):
        return "parquet"
    if (what := foreign(head)) is not None:
        raise BadInput(f"{name} {what}")
    if head and suffix == ".parquet":
        raise BadInput(f"{name} is not a Parquet file, despite its name")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or _UTF16.match(head):
        raise BadInput(f"{name} is in UTF-16: save it as UTF-8")
    if suffix in _TABLES:
        return "csv"
    if suffix not in _JSON_LINES and is_annotated(head):
        return "annotated"
    # In a JSON lines file, a list may be one bad line; other signs show a file that is one list.
    if first.startswith(b"[") and (suffix not in _JSON_LINES or first == b"[" or not rest):
        return "list"
    if suffix not in _SUFFIXES and not first.startswith(b"{") and delimiter_of(first, options):
        return "csv"
    return "jsonl"
