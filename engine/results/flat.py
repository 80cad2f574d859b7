"""Between records and flat rows: `metrics --json`, the database and data frames hold flat ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar, cast, get_args, get_type_hints

import msgspec

from engine.results.fields import Field
from engine.results.records import Record, Tables

R = TypeVar("R", bound=msgspec.Struct)
Row = dict[str, Any]
REVISION = 3
"""Of how the numbers are computed. Raise it where a formula changes and no record does; a changed
record is noticed without it."""


class Key(NamedTuple):
    """One key of a flat row. `inside`: the field that embeds it, "" for a field of the row."""

    name: str
    field: str
    inside: str
    type: Any
    about: Field | None


@cache
def keys(record: type[Record]) -> tuple[Key, ...]:
    """The keys of a table's flat rows, in order."""
    early: list[Key] = []
    late: list[Key] = []
    for key in _own(record):
        if not _embedded(key.type):
            early.append(key)
            continue
        for inner in _own(key.type):
            where = late if inner.name in record.LATE else early
            where.append(inner._replace(inside=key.field))
    for key in late:
        names = [one.name for one in early]
        early.insert(names.index(record.LATE[key.name]) + 1, key)
    return tuple(early)


def _own(record: type[Record]) -> list[Key]:
    hints = get_type_hints(record, include_extras=True)
    plain = get_type_hints(record)
    return [
        Key(name, field, "", plain[field], _about(hints[field]))
        for name, field in zip(
            record.__struct_encode_fields__, record.__struct_fields__, strict=True
        )
    ]


def _about(hint: Any) -> Field | None:
    return next((one for one in get_args(hint)[1:] if isinstance(one, Field)), None)


def _embedded(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Record)


def row(record: Record) -> Row:
    """A record as a flat row."""
    return {
        key.name: getattr(getattr(record, key.inside) if key.inside else record, key.field)
        for key in keys(type(record))
    }


def record(kind: type[R], flat: Mapping[str, Any]) -> R:
    """A flat row as a record. Raises msgspec.ValidationError for a row of another table."""
    nested: Row = {}
    for key in keys(cast(type[Record], kind)):
        if key.name in flat:
            place = nested.setdefault(key.inside, {}) if key.inside else nested
            place[key.name] = flat[key.name]
    return msgspec.convert(nested, kind)


@cache
def records() -> dict[str, type[Record]]:
    """The record of every table, in the tables' order."""
    hints = get_type_hints(Tables)
    return {name: get_args(hints[name])[0] for name in Tables.__struct_fields__}


def rows(records_: Iterable[Record]) -> list[Row]:
    return [row(one) for one in records_]


def tables(results: Tables) -> dict[str, list[Row]]:
    """Every table as flat rows: what `metrics --json` prints."""
    return {name: rows(getattr(results, name)) for name in records()}


def read(rows_of: Mapping[str, Sequence[Mapping[str, Any]]]) -> Tables:
    """Flat rows of every table as records; a table that is not there is empty."""
    results: dict[str, Any] = {
        name: tuple(record(kind, one) for one in rows_of.get(name, ()))
        for name, kind in records().items()
    }
    return Tables(**results)


@cache
def version() -> str:
    """Changes with every table, key and type, and with REVISION: stored measures of another
    version are computed anew."""
    layout = [
        (name, [(key.name, str(key.type)) for key in keys(kind)])
        for name, kind in records().items()
    ]
    return hashlib.sha256(repr((REVISION, layout)).encode()).hexdigest()[:16]
