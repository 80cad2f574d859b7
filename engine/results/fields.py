"""What a field of a record holds: its meaning, its unit, and how it is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.results import numbers
from engine.visible import one_line


@dataclass(frozen=True)
class Field:
    """Annotates a field of a record. `show` makes a value into text for a terminal."""

    meaning: str
    unit: str
    show: Callable[[Any], str]
    numeric: bool = True


def _words(value: Any) -> str:
    return numbers.NOTHING if value is None else one_line(str(value)) or numbers.NOTHING


def _flag(value: bool | None) -> str:
    return numbers.NOTHING if value is None else "yes" if value else "no"


def _details(value: Mapping[str, Any]) -> str:
    parts = [f"{key} {_words(inner)}" for key, inner in value.items() if inner is not None]
    return one_line(", ".join(parts)) or numbers.NOTHING


def text(meaning: str) -> Field:
    """A name or a sentence; it may come from the data."""
    return Field(meaning, "", _words, numeric=False)


def flag(meaning: str) -> Field:
    return Field(meaning, "yes or no", _flag, numeric=False)


def details(meaning: str) -> Field:
    return Field(meaning, "", _details, numeric=False)


def count(meaning: str) -> Field:
    return Field(meaning, "count", numbers.count)


def share(meaning: str) -> Field:
    """0 to 1, printed in percent."""
    return Field(meaning, "share", numbers.percent)


def change(meaning: str) -> Field:
    """A difference of shares, printed in percentage points."""
    return Field(meaning, "difference of shares", numbers.points)


def degrees(meaning: str) -> Field:
    return Field(meaning, "degrees", numbers.degrees)


def reward(meaning: str) -> Field:
    return Field(meaning, "reward points", numbers.signed)


def number(meaning: str, digits: int | None = None) -> Field:
    """Without `digits` as many decimals as four significant digits need."""
    if digits is None:
        return Field(meaning, "", numbers.significant)
    return Field(meaning, "", partial(numbers.number, digits=digits))


def p_value(meaning: str) -> Field:
    return Field(meaning, "probability", numbers.p_value)


def log10_p(meaning: str = "base-10 logarithm of the p-value, which does not underflow") -> Field:
    return Field(meaning, "log10", numbers.number)
