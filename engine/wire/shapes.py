"""The messages of the table, and the types of their fields in words."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from engine.wire.endpoints import ENDPOINTS, STREAMS


@cache
def messages() -> tuple[type[msgspec.Struct], ...]:
    """Every message that can be sent or answered, in the order of the table."""
    kinds = [kind for row in ENDPOINTS for kind in (row.request, row.answer)]
    kinds += [stream.answer for stream in STREAMS]
    return tuple(dict.fromkeys(message for kind in kinds for message in held(kind)))


def held(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The messages of a type: itself, if it is one, then those in its fields or parts."""
    parts: Iterable[Any] = get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        parts = get_type_hints(kind).values()
    for part in parts:
        yield from held(part)


def shape(kind: Any) -> str:
    """A type as text, the same in every version of Python: `list of PairRow`, `int or null`."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f'"{value}"' for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(shape(part) for part in inner)
    if origin in (list, tuple):
        return f"list of {shape(inner[0])}"
    if origin is dict:
        return "object" if inner[1] is Any else f"object of {shape(inner[1])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f'"{member.value}"' for member in kind)
    if kind is type(None):
        return "null"
    return {Any: "anything", str: "text", bool: "bool"}.get(kind) or str(kind.__name__)
