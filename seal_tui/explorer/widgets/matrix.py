"""Pairs by regime and labeler preference: a small table with a cell cursor."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from engine.wire.messages import OPINIONS, REGIMES, Opinion, Regime
from seal_tui.explorer.actions import bindings
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, fit

ROWS: tuple[Regime | None, ...] = (*REGIMES, None)
COLUMNS: tuple[Opinion | None, ...] = (*OPINIONS, None)
_FIRST = 9
_BAR = 2  # a space and the bar
_BARS: Final = " ▁▂▃▄▅▆▇█"


class Matrix(Widget, can_focus=True):
    """The cursor is a cell; None stands for all regimes or all opinions."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("matrix")]
    HELP = (
        "Pairs by regime and by the labeler's preference.\n\n"
        "Rows: whether the reward model agrees with the human preference before and after training "
        "(stayed, got, resisted, reversed). Columns: whether the labeler, judging only harmless "
        "and helpful, prefers the chosen answer, the rejected answer, or neither.\n\n"
        "For resisted pairs, the error is probably the model's if the labeler agrees with the "
        "human preference, and probably in the data if it agrees with the model. Pairs without "
        "labels are counted only under “all”."
    )

    at: reactive[tuple[int, int]] = reactive((2, 0))

    class Moved(Message):
        """The cursor has moved."""

    class Chosen(Message):
        """Enter was pressed on a cell."""

        def __init__(self, regime: Regime | None, opinion: Opinion | None) -> None:
            super().__init__()
            self.regime = regime
            self.opinion = opinion

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._table: dict[tuple[str, str], int] = {}

    def show(self, table: dict[tuple[str, str], int]) -> None:
        self._table = table
        self.refresh()

    def _sum(self, regime: Regime | None, opinion: Opinion | None) -> int:
        return sum(
            n
            for (row, column), n in self._table.items()
            if regime in (row, None) and opinion in (column, None)
        )

    def validate_at(self, at: tuple[int, int]) -> tuple[int, int]:
        return max(0, min(at[0], len(ROWS) - 1)), max(0, min(at[1], len(COLUMNS) - 1))

    def action_move(self, rows: int, columns: int) -> None:
        self.at = (self.at[0] + rows, self.at[1] + columns)

    def watch_at(self) -> None:
        self.post_message(self.Moved())

    def action_open(self) -> None:
        self.post_message(self.Chosen(ROWS[self.at[0]], COLUMNS[self.at[1]]))

    def explain(self) -> Safe:
        """The focused cell as a sentence."""
        regime, opinion = ROWS[self.at[0]], COLUMNS[self.at[1]]
        return words.pairs_sentence(
            regime, opinion, self._sum(regime, opinion), self._sum(None, None)
        )

    def _columns(self, width: int) -> tuple[list[Safe], list[int], int]:
        """Titles, the widths up to their numbers' last digits, and the room for a bar after each:
        none on a narrow terminal."""
        titles = [words.OPINION[opinion] if opinion else Safe("all") for opinion in COLUMNS]
        digits = len(numbers.count(self._sum(None, None)))
        widths = [1 + max(len(title), 1 + digits) for title in titles]
        rest = width - _FIRST - sum(widths)
        bar = _BAR if rest >= _BAR * len(COLUMNS) else 0
        spread = max(0, rest - bar * len(COLUMNS)) // len(COLUMNS)
        return titles, [one + spread for one in widths], bar

    def render(self) -> Content:
        titles, widths, bar_room = self._columns(self.size.width)
        heads = [
            fit(title, width, "right") + " " * bar_room
            for title, width in zip(titles, widths, strict=True)
        ]
        lines = [Content.styled(fit(Safe("labeler:"), _FIRST) + "".join(heads), "dim")]
        most = max(self._table.values(), default=0)
        for y, regime in enumerate(ROWS):
            parts: list[str | tuple[str, str]] = [fit(Safe(regime or "all"), _FIRST)]
            for x, opinion in enumerate(COLUMNS):
                n = self._sum(regime, opinion)
                bar = " "
                if regime is not None and opinion is not None and most:
                    bar = _BARS[round(n / most * 8)]
                text = f" {numbers.count(n)}"
                style = ""
                if (y, x) == self.at:
                    style = "reverse bold" if self.has_focus else "bold"
                parts += [" " * (widths[x] - len(text)), (text, style)]
                parts.append(f" {bar}" if bar_room else "")
            lines.append(Content.assemble(*parts))
        return Content("\n").join(lines)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(ROWS) + 1
