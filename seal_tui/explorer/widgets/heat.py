"""Rewards of chosen and rejected answers as a heat map."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from engine.wire.messages import Grid, Plots
from seal_tui.explorer.widgets.plot import Plot, beside, heading, shade
from seal_tui.text import numbers
from seal_tui.text.safe import Safe, fit

_LABEL = 6
_AXIS_ROWS = 3


class HeatMaps(Plot):
    NAME = Safe("rewards")
    HELP = (
        "Every pair by its two rewards: the reward of the chosen answer on the horizontal axis, "
        "that of the rejected answer on the vertical axis, on one scale. Darker squares contain "
        "more pairs. On the diagonal ╱ both rewards are equal: pairs below it are aligned, pairs "
        "above it are misaligned.\n\n"
        "The scale covers the middle 99 % of the rewards of each model; the line below says how "
        "many pairs are outside. The two models may have different scales: compare the shapes and "
        "the sides of the diagonal, not the positions. ← and → switch between the models."
    )

    def __init__(self, id: str | None = None) -> None:
        self._grids: tuple[tuple[Safe, Grid], ...] = ()
        super().__init__(id)

    def show(self, plots: Plots) -> None:
        self._grids = ((Safe("pre-D"), plots.rewards_pre), (Safe("post-D"), plots.rewards_post))
        self.changed()

    @property
    def items(self) -> int:
        return len(self._grids)

    def draw(self, width: int, height: int) -> Content:
        room = width // 2
        blocks = []
        for place, (name, grid) in enumerate(self._grids):
            title = heading(name, room, place == self.item, self.has_focus)
            side = min((room - _LABEL - 3) // 2, height - _AXIS_ROWS)
            blocks.append([title, *heat_map(grid, side)])
        return beside(blocks, room)

    def interpretation(self) -> Safe:
        if not self._grids:
            return Safe("")
        name, grid = self._grids[self.item]
        n = sum(map(sum, grid.counts))
        above = sum(n for y, row in enumerate(grid.counts) for x, n in enumerate(row) if x < y)
        below = sum(n for y, row in enumerate(grid.counts) for x, n in enumerate(row) if x > y)
        outside = ""
        if grid.outside:
            outside = (
                f" {numbers.many(grid.outside, 'pair has', 'pairs have')} a reward outside this "
                "range."
            )
        return Safe(
            f"{name}: rewards from {numbers.number(grid.low)} to {numbers.number(grid.high)}; "
            f"{numbers.many(below, 'pair')} below the diagonal (aligned), {numbers.count(above)} "
            f"above it, {numbers.count(n - above - below)} on the diagonal.{outside}"
        )


def rebin(counts: Sequence[Sequence[int]], most: int) -> list[list[int]]:
    """Sum neighbouring cells, so that there are at most `most` steps per side."""
    size = len(counts)
    steps = max((d for d in range(1, size + 1) if size % d == 0 and d <= most), default=1)
    by = size // steps
    return [
        [
            sum(sum(row[x * by : (x + 1) * by]) for row in counts[y * by : (y + 1) * by])
            for x in range(steps)
        ]
        for y in range(steps)
    ]


def heat_map(grid: Grid, side: int) -> list[Content]:
    """At most `side` rows of squares, two cells wide, with the scale at the edges."""
    if side < 2 or not grid.counts:
        return []
    squares = rebin(grid.counts, side)
    steps = len(squares)
    most = max(map(max, squares))
    lines = []
    for y in reversed(range(steps)):
        end = {steps - 1: grid.high, 0: grid.low}.get(y)
        label = numbers.number(end, 1) if end is not None else Safe("")
        parts: list[tuple[str, str]] = [(fit(label, _LABEL, "right") + " ", "dim")]
        for x in range(steps):
            glyph = shade(squares[y][x], most) * 2
            if x == y and not squares[y][x]:
                parts.append((" ╱", "dim"))
            else:
                parts.append((glyph, "" if x == y else "$chosen" if x > y else "$rejected"))
        lines.append(Content.assemble(*parts))
    low, high = numbers.number(grid.low, 1), numbers.number(grid.high, 1)
    middle = fit(Safe("chosen →"), max(0, steps * 2 - len(low) - len(high)), "center")
    lines.append(Content.styled(f"{'':{_LABEL + 1}}{low}{middle}{high}", "dim"))
    lines.append(Content.styled(fit(Safe("↑ rejected"), _LABEL + 1 + steps * 2), "dim"))
    return lines
