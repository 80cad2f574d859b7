"""Numbers as text: fixed decimals, a true minus sign, a dash where there is no number."""

from __future__ import annotations

import math

from seal_tui.text.safe import Safe

NOTHING = Safe("–")
MINUS = "\u2212"


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def number(value: float | None, digits: int = 2) -> Safe:
    """−0.85"""
    if value is None or _missing(value):
        return NOTHING
    shown = f"{value:.{digits}f}"
    # A rounded negative zero says nothing and looks like a fault.
    if float(shown) == 0:
        shown = shown.lstrip("-")
    return Safe(shown.replace("-", MINUS))


def signed(value: float | None, digits: int = 2) -> Safe:
    """+2.94"""
    shown = number(value, digits)
    if shown == NOTHING or shown.startswith(MINUS) or float(shown) == 0:
        return shown
    return Safe("+" + shown)


def percent(share: float | None, digits: int = 1) -> Safe:
    """44.6 %"""
    if share is None or _missing(share):
        return NOTHING
    return Safe(f"{number(share * 100, digits)} %")


def points(share: float | None) -> Safe:
    """+11.7 (percentage points)"""
    return NOTHING if share is None else signed(share * 100, 1)


def degrees(value: float | None) -> Safe:
    """+3.1°"""
    shown = signed(value, 1)
    return shown if shown == NOTHING else Safe(f"{shown}°")


def count(value: int | float | None) -> Safe:
    """160,800"""
    if value is None or _missing(value):
        return NOTHING
    return Safe(f"{round(value):,}".replace("-", MINUS))


def p_value(value: float | None) -> Safe:
    """0.041 or <0.001"""
    if value is None or _missing(value):
        return NOTHING
    return Safe("<0.001") if value < 0.001 else Safe(f"{value:.3f}")


def power(p: float | None, log10_p: float | None) -> Safe:
    """0.041 or 1e−52: also where the p-value itself is too small for a double."""
    if p is None or _missing(p):
        return NOTHING
    if p >= 0.001 or log10_p is None or _missing(log10_p):
        return p_value(p)
    exponent = math.floor(log10_p)
    digit = round(10 ** (log10_p - exponent))
    if digit == 10:
        digit, exponent = 1, exponent + 1
    return Safe(f"{digit}e{MINUS}{-exponent}")


def duration(seconds: float | None) -> Safe:
    """4m12s"""
    if seconds is None or _missing(seconds):
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
    if value is None or _missing(value):
        return NOTHING
    shown = number(value, 0 if value >= 10 else 1)
    return Safe(f"{shown} {unit}/s" if unit else f"{shown}/s")
