"""The messages of the table, and the types of their fields in words."""

from __future__ import annotations

import types
from collections.abc import Iterable
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from engine.wire.endpoints import ENDPOINTS, STREAMS
from engine.wire.messages import Message


@cache
def messages() -> tuple[type[Message], ...]:
    """Every message that can be sent or answered, each before those that it holds."""
    found: dict[type[Message], None] = {}
    for row in ENDPOINTS:
        _collect(row.request, found)
        _collect(row.answer, found)
    for stream in STREAMS:
        _collect(stream.answer, found)
    return tuple(found)


def _collect(kind: Any, found: dict[type[Message], None]) -> None:
    if isinstance(kind, type) and issubclass(kind, Message):
        if kind in found:
            return
        found[kind] = None
        parts: Iterable[Any] = get_type_hints(kind).values()
    else:
        parts = get_args(kind)
    for part in parts:
        _collect(part, found)


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
        return f"object: {shape(inner[0])} → {shape(inner[1])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f'"{member.value}"' for member in kind)
    if kind is type(None):
        return "null"
    return {Any: "anything", str: "text", bool: "true or false"}.get(kind) or str(kind.__name__)
