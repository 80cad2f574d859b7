"""Values of a table as JSON, and back through the types of the table.

JSON has no dates, decimals or bytes. They are written as ISO 8601, digits and base64; a duration is
its nanoseconds. NaN becomes null.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(.*)")
_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_WORDS: tuple[tuple[Any, str], ...] = (
    (str, "text"),
    (bool, "true or false"),
    ((int, float, Decimal), "a number"),
    (datetime, "a time"),
    (date, "a date"),
    (time, "a time of day"),
    (timedelta, "a duration"),
    (bytes, "bytes"),
    (UUID, "a UUID"),
    (Mapping, "an object"),
    (list, "a list"),
    (tuple, "an entry of a map"),
)

Convert = Callable[[Any], Any]


def as_json(row: Mapping[str, Any]) -> bytes:
    """A row as a JSON object."""
    return orjson.dumps(row, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):  # a subclass, with nanoseconds
        return value.isoformat()
    if isinstance(value, timedelta):
        nanoseconds = getattr(value, "value", None)
        return (value // timedelta(microseconds=1)) * 1000 if nanoseconds is None else nanoseconds
    return str(value)


def as_text(value: object) -> str | None:
    """A name, a whole number, a date, a duration and the like as text; None for anything else."""
    if isinstance(value, float):
        # pandas writes integer ids as floats if any id is missing
        return str(int(value)) if value.is_integer() else None
    if isinstance(value, bool):
        return None
    if isinstance(value, (str, int, Decimal, UUID)):
        return str(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(_plain(value)) if isinstance(value, timedelta) else None


def described(value: object) -> str:
    """What a value is, in words, such as "a date"."""
    for kinds, words in _WORDS:
        if isinstance(value, kinds):
            return words
    return "null" if value is None else "another value"


def restored(kind: Any, nested: bool = False) -> Convert:
    """What makes a value of this Arrow type from its JSON. Raises TypeError for a type whose values
    do not come back."""
    import pyarrow

    types = pyarrow.types
    if types.is_dictionary(kind):
        return restored(kind.value_type, nested)
    if isinstance(kind, pyarrow.BaseExtensionType):
        if isinstance(kind, pyarrow.JsonType):
            return _same
        raise TypeError(str(kind))
    if types.is_struct(kind):
        parts = {field.name: restored(field.type, True) for field in kind}
        if len(parts) < kind.num_fields:
            raise TypeError(str(kind))
        return _or_null(lambda value: {name: of(value.get(name)) for name, of in parts.items()})
    if types.is_map(kind):
        key, item = restored(kind.key_type, True), restored(kind.item_type, True)
        return _or_null(lambda value: [(key(one), item(other)) for one, other in value])
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        item = restored(kind.value_type, True)
        return _or_null(lambda value: [item(one) for one in value])
    return _scalar(types, kind, nested)


def _scalar(types: Any, kind: Any, nested: bool) -> Convert:
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        # A column of bytes is read as text.
        return _or_null(base64.b64decode if nested else str.encode)
    if types.is_decimal(kind):
        return _or_null(Decimal)
    if types.is_date(kind):
        return _or_null(date.fromisoformat)
    if types.is_time(kind):
        return _or_null(time.fromisoformat)
    if types.is_timestamp(kind):
        return _or_null(lambda value: _since_epoch(value) // _UNITS[kind.unit])
    if types.is_duration(kind):
        return _or_null(lambda value: value // _UNITS[kind.unit])
    known = (types.is_null, types.is_boolean, types.is_integer, types.is_floating, types.is_string)
    if any(test(kind) for test in (*known, types.is_large_string)):
        return _same
    raise TypeError(str(kind))


def _same(value: Any) -> Any:
    return value


def _or_null(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _since_epoch(text: str) -> int:
    """Nanoseconds; a time without a zone counts from an epoch without one."""
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]} is no time")
    day, clock, fraction, zone = match.groups()
    seconds = datetime.fromisoformat(f"{day}T{clock}{zone or '+00:00'}") - _EPOCH
    return (seconds // timedelta(seconds=1)) * 10**9 + int((fraction or "").ljust(9, "0"))


def plain(kind: Any) -> Any:
    """The type to build such values in, from which they can be cast."""
    import pyarrow

    types = pyarrow.types
    if types.is_dictionary(kind):
        return plain(kind.value_type)
    if isinstance(kind, pyarrow.BaseExtensionType):
        return kind.storage_type
    if types.is_struct(kind):
        return pyarrow.struct([field.with_type(plain(field.type)) for field in kind])
    if types.is_list(kind):
        return pyarrow.list_(kind.value_field.with_type(plain(kind.value_type)))
    if types.is_large_list(kind):
        return pyarrow.large_list(kind.value_field.with_type(plain(kind.value_type)))
    return kind
