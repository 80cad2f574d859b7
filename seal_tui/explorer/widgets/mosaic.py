"""Pairs by regime and labeler preference, as tiles with areas proportional to counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from textual.content import Content

from engine.wire.messages import OPINIONS, Opinion, Regime
from seal_tui.explorer.widgets.plot import Plot
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, fit

# From the bottom up: aligned before and after, aligned now, aligned once, never.
STACK: Final[tuple[Regime, ...]] = ("resisted", "reversed", "got", "stayed")
_FILL: Final[Mapping[Regime, tuple[str, str]]] = {
    "stayed": ("▓", "$chosen"),
    "got": ("░", "$chosen"),
    "reversed": ("╲", "$rejected"),
    "resisted": ("╱", "$rejected"),
}
_LEAST_COLUMN = 10


class Mosaic(Plot):
    NAME = Safe("regimes and the labeler")
    HELP = (
        "All pairs by the labeler's preference (columns; the width is the share of pairs) and by "
        "regime (tiles; the height is the share within the column). Dotted tiles are aligned after "
        "training, hatched tiles are not. If the errors of the model were independent of the "
        "labeler's preference, the hatched part would have the same height in every column.\n\n"
        "The arrow keys select a tile; enter lists its pairs. Pairs without labels are not shown."
    )

    def __init__(self, id: str | None = None) -> None:
        self._table: Mapping[tuple[str, str], int] = {}
        super().__init__(id)

    def show(self, table: Mapping[tuple[str, str], int]) -> None:
        self._table = table
        self.changed()

    @property
    def items(self) -> int:
        return len(STACK) * len(OPINIONS) if any(self._table.values()) else 0

    @property
    def tile(self) -> tuple[Regime, Opinion]:
        """The tile under the cursor."""
        return STACK[self.item % len(STACK)], OPINIONS[self.item // len(STACK)]

    @property
    def opens(self) -> bool:
        return self.items > 0

    def interpretation(self) -> Safe:
        if not self.items:
            return Safe("")
        regime, opinion = self.tile
        n = self._table.get((regime, opinion), 0)
        sentence = words.pairs_sentence(regime, opinion, n, sum(self._table.values()))
        column = sum(self._table.get((one, opinion), 0) for one in STACK)
        share = numbers.percent(n / column if column else None)
        return Safe(f"{sentence} That is {share} of the column.")

    def draw(self, width: int, height: int) -> Content:
        if not self.items:
            return Content.styled("no pairs", "dim")
        columns = [[self._table.get((regime, one), 0) for regime in STACK] for one in OPINIONS]
        widths = shares([sum(column) for column in columns], width - 2, _LEAST_COLUMN)
        rows = height - 1
        blocks = []
        for x, column in enumerate(columns):
            n = numbers.count(sum(column))
            title = fit(Safe(f"{words.OPINION[OPINIONS[x]]} {n}"), widths[x])
            heights = shares(column, rows, 1)
            lines = [Content.styled(title, "dim")]
            for y, tall in enumerate(heights):
                here = x * len(STACK) + y == self.item
                lines += self._tile(STACK[y], column[y], widths[x], tall, here)
            blocks.append(lines)
        return Content("\n").join(
            Content(" ").join(block[row] for block in blocks) for row in range(rows + 1)
        )

    def _tile(self, regime: Regime, n: int, width: int, tall: int, here: bool) -> list[Content]:
        glyph, colour = _FILL[regime]
        forms = (f" {regime} {numbers.count(n)} ", f"{regime} {numbers.count(n)}", f" {n} ")
        label = next((form for form in forms if len(form) <= width), "")
        left = (width - len(label)) // 2
        lines = []
        for row in range(tall):
            if row != tall // 2:
                lines.append(Content.styled(glyph * width, colour))
                continue
            style = ("reverse bold" if self.has_focus else "bold") if here else ""
            lines.append(
                Content.assemble(
                    (glyph * left, colour),
                    (label, style),
                    (glyph * (width - left - len(label)), colour),
                )
            )
        return lines


def shares(counts: Sequence[int], room: int, least: int) -> list[int]:
    """`room` divided in proportion to `counts`, in whole cells. Each nonzero count gets `least`
    cells if there is room."""
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    exact = [room * n / total for n in counts]
    cells = [int(value) for value in exact]
    order = sorted(range(len(counts)), key=lambda i: cells[i] - exact[i])
    for i in order[: room - sum(cells)]:
        cells[i] += 1
    least = min(least, room // sum(n > 0 for n in counts))
    for i, n in enumerate(counts):
        while n and cells[i] < least:
            cells[cells.index(max(cells))] -= 1
            cells[i] += 1
    return cells
