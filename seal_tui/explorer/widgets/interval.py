"""A confidence interval drawn on a shared axis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.results.effect import Effect
from seal_tui.explorer.widgets.lines import Cell, Part
from seal_tui.text.safe import Safe


@dataclass(frozen=True)
class Axis:
    """The range shared by a column of intervals; it always includes zero."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float | None]) -> Axis:
        numbers = [value for value in values if value is not None]
        return cls(min([0.0, *numbers]), max([0.0, *numbers]))

    def at(self, value: float, width: int) -> int:
        span = self.high - self.low
        if span <= 0:
            return width // 2
        place = round((value - self.low) / span * (width - 1))
        return max(0, min(width - 1, place))


def interval(estimate: Effect, axis: Axis, width: int, before: float | None = None) -> Cell:
    """`───●───` with zero as `│` and the earlier value as `○`."""
    marks: list[tuple[str, str]] = [(" ", "")] * width
    marks[axis.at(0.0, width)] = ("│", "muted")
    if estimate.value is None:
        return _parts(marks)
    if estimate.low is not None and estimate.high is not None:
        first, last = axis.at(estimate.low, width), axis.at(estimate.high, width)
        for place in range(first, last + 1):
            # Readers look first whether the interval includes zero.
            marks[place] = ("┼" if marks[place][0] == "│" else "─", "")
    if before is not None:
        marks[axis.at(before, width)] = ("○", "muted")
    marks[axis.at(estimate.value, width)] = ("●", "strong")
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
