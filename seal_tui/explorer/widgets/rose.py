"""Directions of reward vectors and their shifts, as three rose diagrams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from textual.content import Content

from engine.results.records import AlignmentRow
from engine.wire.messages import Circle, Plots
from seal_tui.explorer.widgets.plot import Plot, beside, heading
from seal_tui.text import numbers
from seal_tui.text.safe import Safe

_DOTS: Final = (  # of a braille cell, by row and column
    (0x01, 0x08),
    (0x02, 0x10),
    (0x04, 0x20),
    (0x40, 0x80),
)
_CAPTIONS = 2
_GAP = 0.6  # in dots
_CORE = 4.0
_RIM = -1
_CORNERS: Final = ("erring", "high", "low", "aligned")  # from the upper left to the lower right
_ZERO_OF_DIRECTIONS = 225.0  # both rewards equal and low
_ZERO_SIGN: Final = ("↙", "→")  # where 0° is drawn, of directions and of rotations


class Roses(Plot):
    NAME = Safe("directions and shifts")
    HELP = (
        "Each pair is a vector of two rewards: the reward of the chosen answer on the horizontal "
        "axis, that of the rejected answer on the vertical axis. The first two diagrams show the "
        "directions of these vectors before and after training; the area of a petal is a share of "
        "the pairs. Filled petals (below the diagonal) are aligned pairs, thinly drawn petals "
        "(above it) are misaligned pairs. Lower left: both rewards low; upper right: both high.\n\n"
        "The third diagram shows the rotation of each vector by training: no rotation to the "
        "right, counter-clockwise upwards. The sign of a rotation is a direction, not an "
        "improvement.\n\n"
        "length: 1 if all vectors have the same direction; near 0 if they have all directions, and "
        "then the mean is not meaningful. ← and → select a diagram."
    )

    def __init__(self, id: str | None = None) -> None:
        self._plots: Plots | None = None
        self._alignment: Sequence[AlignmentRow] = ()
        super().__init__(id)

    def show(self, plots: Plots, alignment: Sequence[AlignmentRow]) -> None:
        self._plots = plots
        self._alignment = alignment
        self.changed()

    @property
    def items(self) -> int:
        return 3 if self._plots is not None else 0

    def _circles(self, plots: Plots) -> list[tuple[Safe, Circle]]:
        return [
            (Safe("pre-D"), plots.direction_pre),
            (Safe("post-D"), plots.direction_post),
            (Safe("shift θ"), plots.theta),
        ]

    def draw(self, width: int, height: int) -> Content:
        if self._plots is None:
            return Content("")
        room = width // 3
        blocks = []
        for place, (name, circle) in enumerate(self._circles(self._plots)):
            zero_is = Safe(f"{name} · 0° {_ZERO_SIGN[place == 2]}")
            title = heading(zero_is, room, place == self.item, self.has_focus)
            zero = 0.0 if place == 2 else _ZERO_OF_DIRECTIONS
            lines = rose(circle.counts, zero, room - 2, height - 1 - _CAPTIONS, halves=place < 2)
            captions = [
                Content.styled(f"mean {numbers.degrees(circle.mean_deg)}", "dim"),
                Content.styled(f"length {numbers.number(circle.resultant)}", "dim"),
            ]
            blocks.append([title, *lines, *captions])
        return beside(blocks, room)

    def interpretation(self) -> Safe:
        if self._plots is None:
            return Safe("")
        name, circle = self._circles(self._plots)[self.item]
        n = sum(circle.counts)
        undefined = f" {numbers.count(circle.undefined)} have no direction." * bool(
            circle.undefined
        )
        mean = numbers.degrees(circle.mean_deg)
        length = numbers.number(circle.resultant)
        if self.item == 2:
            return Safe(
                f"Training rotated {numbers.count(n)} reward vectors by a circular mean of {mean} "
                f"(length {length}). The sign is a direction, not an improvement.{undefined}"
            )
        low, high = _both(circle.counts)
        tail = _aligned(self._alignment[self.item]) if self.item < len(self._alignment) else ""
        both_low, both_high = (numbers.percent(count / n if n else None) for count in (low, high))
        return Safe(
            f"{name}: {tail}both rewards are negative in {both_low} and positive in {both_high}. "
            f"Mean direction {mean} counter-clockwise from the lower left, where both rewards are "
            f"equal and low; length {length}.{undefined}"
        )


def _aligned(row: AlignmentRow) -> str:
    if row.alignment is None:
        return ""
    held_out = "" if row.held_out is None else f" ({numbers.percent(row.held_out)} held out)"
    return f"{numbers.percent(row.alignment)} of pairs are aligned{held_out}; "


def _both(counts: Sequence[int]) -> tuple[int, int]:
    """Pairs with two negative and with two positive rewards: a quarter of the circle around 0° and
    around 180°."""
    quarter = len(counts) // 8
    middle = len(counts) // 2
    low = sum(counts[middle - quarter : middle + quarter])
    high = sum(counts[:quarter]) + sum(counts[-quarter:])
    return low, high


@lru_cache(maxsize=16)  # moving the cursor does not change the dots
def rose(
    counts: tuple[int, ...], zero: float, width: int, height: int, *, halves: bool
) -> tuple[Content, ...]:
    """A rose diagram with petal areas proportional to `counts`, in `width` × `height` cells. The
    sectors go counter-clockwise from −180°; 0° is drawn at `zero`, counter-clockwise from the
    right. `halves`: petals below 0° are drawn thin, and the corners have labels."""
    if width < 2 or height < 2:
        return ()
    height = min(height, width // 2 + 1)
    drawing = _Rose(counts, zero, width, height, halves)
    corners = _CORNERS if halves else ("",) * 4
    lines = []
    for row in range(height):
        left, right = {0: corners[:2], height - 1: corners[2:]}.get(row, ("", ""))
        cells = [drawing.cell(column, row) for column in range(width)]
        cells[: len(left)] = [(glyph, "dim") for glyph in left]
        cells[len(cells) - len(right) :] = [(glyph, "dim") for glyph in right]
        parts: list[tuple[str, str]] = []
        for glyph, style in cells:
            if parts and parts[-1][1] == style:
                parts[-1] = (parts[-1][0] + glyph, style)
            else:
                parts.append((glyph, style))
        lines.append(Content.assemble(*parts))
    return tuple(lines)


class _Rose:
    """One rose on a grid of dots, two by four to a cell."""

    def __init__(
        self, counts: Sequence[int], zero: float, width: int, height: int, halves: bool
    ) -> None:
        self._zero, self._halves = zero, halves
        self._radius = min(width * 2, height * 4) / 2 - 0.5
        self._middle = (width * 2 - 1) / 2, (height * 4 - 1) / 2
        most = max([*counts, 1])
        self._petals = [math.sqrt(n / most) * self._radius for n in counts]

    def cell(self, column: int, row: int) -> tuple[str, str]:
        """A braille glyph, with the style of the half that most of its dots belong to."""
        bits, of_half = 0, [0, 0]
        for dot_row, dots in enumerate(_DOTS):
            for dot_column, bit in enumerate(dots):
                half = self._dot(column * 2 + dot_column, row * 4 + dot_row)
                if half is not None:
                    bits |= bit
                    of_half[half] += half != _RIM
        if not bits:
            return " ", ""
        if not any(of_half):
            return chr(0x2800 + bits), "dim"
        style = ("$rejected" if of_half[0] > of_half[1] else "$chosen") if self._halves else ""
        return chr(0x2800 + bits), style

    def _dot(self, column: int, row: int) -> int | None:
        """0 or 1 for a dot of a petal below or above 0°, `_RIM` for the rim, None for none."""
        x, y = column - self._middle[0], self._middle[1] - row
        far = math.hypot(x, y)
        degrees = (math.degrees(math.atan2(y, x)) - self._zero + 540) % 360 - 180
        if abs(far - self._radius) < 0.5:
            return _RIM if int(math.radians(degrees) * far) % 2 else None
        turn = (degrees + 180) / 360 * len(self._petals)
        sector = min(len(self._petals) - 1, int(turn))
        # Petals are one dot apart.
        edge = abs(turn - round(turn)) * math.tau / len(self._petals) * far
        if far > self._petals[sector] or (far > _CORE and edge < _GAP):
            return None
        below = self._halves and degrees < 0
        return None if below and (column + row) % 2 else int(not below)
