"""What a row says beside its conversations: ids, scores, models, dates and the like, as text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import orjson

from engine.data.layouts import BY_NAME
from engine.data.prose import is_text

MOST = 40  # columns that are shown
LONGEST = 120  # characters of a value
_ITEMS = 10  # of a list
_DEPTH = 3  # of columns within columns


def extras(rows: Iterable[tuple[str, bytes | str]], spoken: Collection[str]) -> dict[str, str]:
    """The columns of rows (layout, JSON object) that are no text of a conversation, by name.

    `spoken` is what the conversations say: a short text among it is left out too. Where rows
    differ, their values follow one another. Names and values are untrusted.
    """
    found: dict[str, dict[str, None]] = {}
    said = {text.strip() for text in spoken}
    for layout, content in rows:
        kind = BY_NAME.get(layout)
        text = kind.text if kind is not None else frozenset()
        for name, value in _scalars(_row(content), text):
            if value.strip() and value.strip() not in said:
                found.setdefault(name, {})[value] = None
    return {name: _short(" / ".join(values)) for name, values in list(found.items())[:MOST]}


def _row(content: bytes | str) -> Mapping[str, Any]:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _scalars(
    row: Mapping[str, Any], text: Collection[str], prefix: str = "", depth: int = 1
) -> Iterator[tuple[str, str]]:
    for name, value in row.items():
        if (not prefix and name in text) or is_text(name, value):
            continue
        if isinstance(value, Mapping):
            if depth < _DEPTH:
                yield from _scalars(value, text, f"{prefix}{name}.", depth + 1)
        elif isinstance(value, list):
            items = [_plain(item) for item in value[: _ITEMS + 1]]
            if items and len(items) <= _ITEMS and all(item is not None for item in items):
                yield prefix + name, ", ".join(item for item in items if item is not None)
        elif (plain := _plain(value)) is not None:
            yield prefix + name, plain


def _plain(value: object) -> str | None:
    """A text, number or truth value as text; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    return None


def _short(value: str) -> str:
    return value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
