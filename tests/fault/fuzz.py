"""Requests that nobody would send, made from the table of endpoints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec.inspect as shapes
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from engine.wire.endpoints import Endpoint

TEXTS = (
    "", "margin<0", "is:aligned -is:decided", "((((", "text:\"", "reg:/(a+)+$/", "0", "main",
    "\x00", "a\nb", "\x1b]0;x\x07", "\u202e", "é" * 300, "x" * 5_000, "' OR 1=1 --", "../..",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30)
# A word of more digits than Python converts.
WORDS = ("9" * 5_000, "-1", "1e999", "NaN", "%00", "true", "null", "é")

texts = st.sampled_from(TEXTS) | st.text(max_size=20)
numbers = st.integers(0, 30) | st.sampled_from(NUMBERS) | st.integers()
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | floats | texts
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    body: bytes


def requests(endpoint: Endpoint[Any, Any], paths: tuple[Path, ...]) -> SearchStrategy[Sent]:
    """Requests to this endpoint: right ones, nearly right ones, and anything. Files that they name
    are of `paths`."""
    if endpoint.method == "GET":
        return st.builds(lambda path: Sent("GET", path, b""), _addresses(endpoint))
    right = _of_struct(shapes.type_info(endpoint.request), paths)
    bodies = st.one_of(
        right.map(_encoded),
        st.builds(_changed, right, st.randoms(use_true_random=False), anything).map(_encoded),
        anything.map(_encoded),
        st.binary(max_size=40),
        st.builds(
            _nested,
            st.sampled_from((b"[", b'{"a":', b'{"study":', b'{"change":[')),
            st.sampled_from((20, 40, 1_000, 100_000)),
        ),
    )
    return st.builds(lambda body: Sent("POST", endpoint.path, body), bodies)


def _addresses(endpoint: Endpoint[Any, Any]) -> SearchStrategy[str]:
    word = st.one_of(numbers.map(str), st.sampled_from(WORDS), texts)
    fields = [field.name for field in _fields(endpoint)] + ["unknown"]

    def address(word: str, query: dict[str, str]) -> str:
        path = endpoint.path
        for name in endpoint.in_path:
            path = path.replace(f"{{{name}}}", _quoted(word) or "0")
        asked = "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in query.items())
        return f"{path}?{asked}" if asked else path

    queries = st.dictionaries(st.sampled_from(fields), word, max_size=3)
    return st.builds(address, word, queries)


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _fields(endpoint: Endpoint[Any, Any]) -> tuple[shapes.Field, ...]:
    kind = shapes.type_info(endpoint.request)
    assert isinstance(kind, shapes.StructType)
    return kind.fields


def _of_struct(kind: shapes.Type, paths: tuple[Path, ...]) -> SearchStrategy[Any]:
    assert isinstance(kind, shapes.StructType)
    needed, optional = {}, {}
    for field in kind.fields:
        # Requests that write or read a file may have any of these, and no other of this machine.
        if field.name in ("path", "tokenizer"):
            values: SearchStrategy[Any] = st.sampled_from([str(path) for path in paths])
        else:
            values = _of(field.type, paths)
        (needed if field.required else optional)[field.encode_name] = values
    return st.fixed_dictionaries(needed, optional=optional)


def _of(kind: shapes.Type, paths: tuple[Path, ...]) -> SearchStrategy[Any]:
    match kind:
        case shapes.StructType():
            return _of_struct(kind, paths)
        case shapes.UnionType(types=types):
            return st.one_of([_of(one, paths) for one in types])
        case shapes.LiteralType(values=values):
            return st.sampled_from(values)
        case shapes.EnumType(cls=cls):
            return st.sampled_from([member.value for member in cls])
        case shapes.ListType(item_type=item) | shapes.VarTupleType(item_type=item):
            return st.lists(_of(item, paths), max_size=5)
        case shapes.TupleType(item_types=items):
            return st.tuples(*[_of(item, paths) for item in items]).map(list)
        case shapes.DictType():
            return st.dictionaries(texts, anything, max_size=4)
        case shapes.BoolType():
            return st.booleans()
        case shapes.IntType():
            return numbers
        case shapes.FloatType():
            return floats | numbers
        case shapes.StrType():
            return texts
        case shapes.NoneType():
            return st.none()
    return anything


def _changed(right: dict[str, Any], dice: Any, other: Any) -> dict[str, Any]:
    """One field replaced by something else; a file stays one of those allowed."""
    names = [name for name in right if name not in ("path", "tokenizer")]
    return {**right, dice.choice(names): other} if names else {**right, "unknown": other}


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def _nested(opening: bytes, depth: int) -> bytes:
    closing = {b"[": b"]", b"{": b"}"}
    ends = b"".join(closing[bytes([c])] for c in reversed(opening) if bytes([c]) in closing)
    return opening * depth + b"1" + ends * depth
