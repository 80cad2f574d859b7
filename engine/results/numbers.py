"""Numbers as text: fixed decimals, a true minus sign, a dash where there is no number."""

from __future__ import annotations

import math

NOTHING = "–"
MINUS = "\u2212"


def missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def number(value: float | None, digits: int = 2) -> str:
    """−0.85"""
    if value is None or missing(value):
        return NOTHING
    text = f"{value:.{digits}f}"
    # A rounded negative zero says nothing and looks like a fault.
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: float | None, digits: int = 2) -> str:
    """+2.94"""
    text = number(value, digits)
    if text == NOTHING or text.startswith(MINUS) or float(text) == 0:
        return text
    return "+" + text


def significant(value: float | None, digits: int = 4) -> str:
    """0.003142: any number, as many decimals as it needs."""
    if value is None or missing(value):
        return NOTHING
    return f"{value:.{digits}g}".replace("-", MINUS)


def percent(share: float | None, digits: int = 1) -> str:
    """44.6 %"""
    if share is None or missing(share):
        return NOTHING
    return f"{number(share * 100, digits)} %"


def points(share: float | None) -> str:
    """+11.7 (percentage points)"""
    return NOTHING if share is None else signed(share * 100, 1)


def degrees(value: float | None) -> str:
    """+3.1°"""
    text = signed(value, 1)
    return text if text == NOTHING else f"{text}°"


def many(value: int | float | None, one: str, more: str = "") -> str:
    """1 pair, 160,800 pairs. `more`: the plural of `one` if it is not that with an s."""
    return f"{count(value)} {one if value == 1 else more or one + 's'}"


def count(value: int | float | None) -> str:
    """160,800"""
    if value is None or missing(value):
        return NOTHING
    return f"{round(value):,}".replace("-", MINUS)


def p_value(value: float | None) -> str:
    """0.041 or <0.001"""
    if value is None or missing(value):
        return NOTHING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def power(p: float | None, log10_p: float | None) -> str:
    """0.041 or 1e−52: also where the p-value itself is too small for a double."""
    if p is None or missing(p):
        return NOTHING
    if p >= 0.001 or log10_p is None or missing(log10_p):
        return p_value(p)
    exponent = math.floor(log10_p)
    digit = round(10 ** (log10_p - exponent))
    if digit == 10:
        digit, exponent = 1, exponent + 1
    return f"{digit}e{MINUS}{-exponent}"


def interval(low: float | None, high: float | None, digits: int = 2, factor: float = 1.0) -> str:
    """−2.00 to −0.50; a dash unless both ends are known."""
    if low is None or high is None or missing(low) or missing(high):
        return NOTHING
    return f"{number(low * factor, digits)} to {number(high * factor, digits)}"


def half_width(low: float | None, high: float | None, digits: int = 2, factor: float = 1.0) -> str:
    """Half the width of an interval: 0.75"""
    if low is None or high is None:
        return NOTHING
    return number((high - low) / 2 * factor, digits)
