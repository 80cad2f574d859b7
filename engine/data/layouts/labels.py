"""Columns that say one of two things: true or false, 1 or 0, as a value or as text."""

from __future__ import annotations

from typing import Any

from engine.data.pairs import RowError

_YES = ("true", "1", "1.0", "desirable")
_NO = ("false", "0", "0.0", "undesirable")


def read_label(value: object, name: str) -> bool:
    """What a label says. Raises RowError for anything else; `name` is its column."""
    text = str(value).strip().lower()
    if text in _YES or text in _NO:
        return text in _YES
    raise RowError("wrong_type", f"{name} is {str(value)[:40]!r}, neither 1 nor 0")


def opposite(value: Any) -> Any:
    """The other label, of the same type and spelling."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return type(value)(1 - value)
    text = str(value).strip()
    ours, theirs = (_YES, _NO) if text.lower() in _YES else (_NO, _YES)
    other = theirs[ours.index(text.lower())]
    return other.capitalize() if text[:1].isupper() else other
