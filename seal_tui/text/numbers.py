"""The engine's number formats as safe text, and formats for progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, ParamSpec

from engine.results import numbers
from seal_tui.text.safe import Safe

_P = ParamSpec("_P")


def _safe(form: Callable[_P, str]) -> Callable[_P, Safe]:
    """A formatted number contains only digits, signs and words of the program."""

    def text(*args: _P.args, **kwargs: _P.kwargs) -> Safe:
        return Safe(form(*args, **kwargs))

    return text


NOTHING: Final = Safe(numbers.NOTHING)
MINUS: Final = numbers.MINUS

number = _safe(numbers.number)
signed = _safe(numbers.signed)
percent = _safe(numbers.percent)
points = _safe(numbers.points)
degrees = _safe(numbers.degrees)
count = _safe(numbers.count)
many = _safe(numbers.many)
p_value = _safe(numbers.p_value)
power = _safe(numbers.power)
half_width = _safe(numbers.half_width)


def duration(seconds: float | None) -> Safe:
    """4m12s"""
    if seconds is None or numbers.missing(seconds):
        return NOTHING
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    if hours:
        return Safe(f"{hours}h{minutes:02d}m")
    if minutes:
        return Safe(f"{minutes}m{secs:02d}s")
    return Safe(f"{secs}s")


def rate(value: float | None, unit: str = "") -> Safe:
    """34 pairs/s"""
    if value is None or numbers.missing(value):
        return NOTHING
    digits = number(value, 0 if value >= 10 else 1)
    return Safe(f"{digits} {unit}/s" if unit else f"{digits}/s")
