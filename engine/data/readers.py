"""Reading a source of preference pairs, whatever its format, as a stream of pairs and rejects."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.data.hub import hub_rows
from engine.data.jsonl import beginning, jsonl_rows, list_rows
from engine.data.pairs import Pair, Reject, Row, RowError, excerpt
from engine.data.records import entry_pairs, holds_entries
from engine.data.rows import read_row
from engine.data.table import csv_rows, delimiter_of, parquet_rows
from engine.errors import BadInput

# After this many rows that are no pairs at all, the file is taken to be something else.
PROBATION = 1000
_FOREIGN = ("unparsable_json", "not_an_object", "bad_utf8", "missing_field")
DAMAGE = ("truncated_gzip", "corrupt_gzip")

_JSON_LINES = (".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv")
_ENDINGS = (*_JSON_LINES, *_TABLES, ".json", ".parquet")
# What `datasets` writes beside the data, and notebooks leave there.
_NOT_DATA = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
_SPLITS = ("train", "test", "validation", "valid", "val", "dev", "eval")
_FORMATS = "JSON lines, a JSON list, Parquet or CSV, the text ones also as .gz"


@dataclass(frozen=True, slots=True)
class Source:
    """Where pairs come from: a file or folder, or a dataset's name on the hub."""

    path: Path | None = None
    dataset: str | None = None
    split: str = "train"
    config: str | None = None
    revision: str | None = None


def read_pairs(source: Source) -> Iterator[Pair | Reject]:
    """Every row of the source in its order: a Pair, or a Reject with the reason.

    A folder is read in the order of its files' paths, sub-folders included; where file names
    tell splits apart, only those of `source.split`. A gzip file that is cut short or damaged
    gives its good rows and then one Reject. Raises BadInput, while iterating, where there is
    nothing to read: no such file or dataset, an empty one, or something that is no pairs.
    """
    if (source.path is None) == (source.dataset is None):
        raise BadInput("[data] needs either dataset or path, and not both")
    ids = _Ids()
    nothing = True
    for name, rows in _parts(source):
        for item in _on_probation(name, _pairs(name, rows, ids)):
            nothing = False
            yield item
    if nothing:
        raise BadInput(f"{source.path or source.dataset} is empty: it holds no rows")


class _Ids:
    """Gives every row its id: its own, or its position; made unique by a suffix."""

    def __init__(self) -> None:
        self.position = 0
        self._seen: set[str] = set()

    def give(self, own: str | None) -> str:
        wanted = str(self.position) if own is None else own
        given, copies = wanted, 1
        while given in self._seen:
            copies += 1
            given = f"{wanted}#{copies}"
        self._seen.add(given)
        return given


def _pairs(name: str, rows: Iterator[Row | Reject], ids: _Ids) -> Iterator[Pair | Reject]:
    for row in rows:
        if isinstance(row, Reject):
            yield row
            ids.position += row.reason not in DAMAGE
            continue
        try:
            fields = read_row(row.value)
        except RowError as error:
            yield Reject(name, row.line, error.reason, error.detail, excerpt(row.raw))
        else:
            given = ids.give(fields.id)
            yield Pair(given, row.line, fields.chosen, fields.rejected, fields.topic)
        ids.position += 1


def _on_probation(name: str, items: Iterator[Pair | Reject]) -> Iterator[Pair | Reject]:
    """The items, unless the file turns out to hold no pairs at all: then BadInput, not rejects."""
    held: list[Reject] = []
    for item in items:
        if not isinstance(item, Reject) or item.reason not in _FOREIGN:
            # Damage explains better than anything else why nothing before it could be read.
            yield from held
            yield item
            yield from items
            return
        held.append(item)
        if len(held) == PROBATION:
            break
    if held:
        raise BadInput(_verdict(name, held))


def _verdict(name: str, held: list[Reject]) -> str:
    """Why a file is not taken; a row with fields says more than one that is no row."""
    telling = next((reject for reject in held if reject.reason == "missing_field"), held[0])
    if telling.reason == "missing_field":
        return f"{name} holds no preference pairs: line {telling.line}: {telling.detail}"
    return f"{name} is not in a readable format ({_FORMATS}): line {telling.line}: {telling.detail}"


def _parts(source: Source) -> Iterator[tuple[str, Iterator[Row | Reject]]]:
    if source.dataset is not None:
        rows = hub_rows(source.dataset, source.split, source.config, source.revision)
        yield source.dataset, rows
    elif source.path is not None:
        try:
            paths = _files(source.path, source.split)
        except OSError as error:
            raise BadInput(f"{source.path} cannot be read: {error.strerror or error}") from None
        for path in paths:
            yield str(path), _file_rows(path, str(path))


def _files(path: Path, split: str) -> list[Path]:
    """The file, or the folder's data files in the order of their paths."""
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder: check path under [data]")
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInput(f"{path} is neither a file nor a folder: write the data to a file first")
    found = sorted(
        (inner.relative_to(path) for inner in path.rglob("*") if inner.is_file()),
        key=lambda inner: inner.as_posix(),
    )
    data = [inner for inner in found if _is_data(inner)]
    if not data:
        raise BadInput(f"{path} is a folder without data files ({', '.join(_ENDINGS)}, .gz)")
    splits = {inner: _split_of(inner) for inner in data}
    named = sorted({name for name in splits.values() if name})
    if named and split not in named:
        raise BadInput(
            f'{path} has no split "{split}", only {", ".join(named)}: set split under [data]'
        )
    return [path / inner for inner in data if not named or splits[inner] == split]


def _ending(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _is_data(inner: Path) -> bool:
    hidden = any(part.startswith(".") for part in inner.parts)
    return not hidden and inner.name not in _NOT_DATA and _ending(inner) in _ENDINGS


def _split_of(inner: Path) -> str | None:
    """The split that a file's name tells, or else the nearest folder's name."""
    if shard := re.match(r"(.+?)-\d+-of-\d+\.", inner.name):
        return shard.group(1)
    for part in reversed(inner.parts):
        for word in re.split(r"[^a-z]+", part.lower()):
            if word in _SPLITS:
                return word
    return None


def _file_rows(path: Path, name: str) -> Iterator[Row | Reject]:
    try:
        yield from _rows_by_format(path, name)
    except OSError as error:
        raise BadInput(f"{name} cannot be read: {error.strerror or error}") from None


def _rows_by_format(path: Path, name: str) -> Iterator[Row | Reject]:
    head = beginning(path)
    ending = _ending(path)
    first, _, rest = head.strip().partition(b"\n")
    if head.startswith(b"PAR1"):
        return parquet_rows(path, name)
    if head and ending == ".parquet":
        raise BadInput(f"{name} is not a Parquet file, whatever its name says")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(f"{name} is in UTF-16: save it as UTF-8")
    if holds_entries(first):
        return entry_pairs(path, name)
    if ending in _TABLES:
        return csv_rows(path, name)
    # Among JSON lines a list may be a bad line; a file that is one list shows it otherwise.
    if first.startswith(b"[") and (ending not in _JSON_LINES or first == b"[" or not rest):
        return list_rows(path, name)
    if ending not in _ENDINGS and not first.startswith(b"{") and delimiter_of(first):
        return csv_rows(path, name)
    return jsonl_rows(path, name)
