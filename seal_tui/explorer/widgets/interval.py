"""A confidence interval as a few characters on a shared axis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.results.effect import Effect
from seal_tui.explorer.widgets.lines import Cell, Part
from seal_tui.text.safe import Safe


@dataclass(frozen=True)
class Axis:
    """The range of numbers that a column of intervals shares; it always holds zero."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float | None]) -> Axis:
        known = [value for value in values if value is not None]
        return cls(min([0.0, *known]), max([0.0, *known]))

    def at(self, value: float, width: int) -> int:
        span = self.high - self.low
        if span <= 0:
            return width // 2
        place = round((value - self.low) / span * (width - 1))
        return max(0, min(width - 1, place))


def interval(found: Effect, axis: Axis, width: int, before: float | None = None) -> Cell:
    """`╶──●──╴` with zero as `│`, and where the number was before as `○`."""
    marks: list[tuple[str, str]] = [(" ", "")] * width
    marks[axis.at(0.0, width)] = ("│", "muted")
    if found.value is None:
        return _parts(marks)
    if found.low is not None and found.high is not None:
        first, last = axis.at(found.low, width), axis.at(found.high, width)
        for place in range(first, last + 1):
            # Zero inside the interval is what a reader looks for first.
            marks[place] = ("┼" if marks[place][0] == "│" else "─", "")
    if before is not None:
        marks[axis.at(before, width)] = ("○", "muted")
    marks[axis.at(found.value, width)] = ("●", "strong")
    return _parts(marks)


def span(before: float | None, after: float | None, axis: Axis, width: int) -> Cell:
    """From `○` before to `●` after."""
    marks: list[tuple[str, str]] = [(" ", "")] * width
    marks[axis.at(0.0, width)] = ("│", "muted")
    if before is None or after is None:
        return _parts(marks)
    first, last = axis.at(before, width), axis.at(after, width)
    for place in range(min(first, last), max(first, last) + 1):
        marks[place] = ("─", "muted")
    marks[first] = ("○", "muted")
    marks[last] = ("●", "strong")
    return _parts(marks)


def _parts(marks: list[tuple[str, str]]) -> Cell:
    parts: list[Part] = []
    for mark, style in marks:
        if parts and parts[-1].style == style:
            parts[-1] = Part(Safe(parts[-1].text + mark), style)
        else:
            parts.append(Part(Safe(mark), style))
    return parts
