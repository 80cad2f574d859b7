"""Base of all plots: a cursor over the elements, and an interpretation of the selected one."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from seal_tui.explorer.actions import bindings
from seal_tui.text.safe import Safe, fit

RAMP = " ·░▒▓█"  # from none to most, readable without colours


class Plot(Widget, can_focus=True):
    """A plot that fills its area. Subclasses define `items`, `draw` and `interpretation`."""

    NAME: ClassVar[Safe] = Safe("")
    HELP: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plot")]

    item: reactive[int] = reactive(0)

    class Moved(Message):
        """The cursor has moved."""

    class Opened(Message):
        """Enter was pressed."""

        def __init__(self, plot: Plot) -> None:
            super().__init__()
            self.plot = plot

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, classes="plot")
        # Textual interprets a title as markup; this one is a literal.
        self.border_title = self.NAME
        self._waiting = Safe("")

    @property
    def items(self) -> int:
        """The number of elements; 0 if there is nothing to draw."""
        raise NotImplementedError

    def draw(self, width: int, height: int) -> Content:
        """The plot in at most this many cells."""
        raise NotImplementedError

    def interpretation(self) -> Safe:
        """The interpretation of the selected element."""
        raise NotImplementedError

    @property
    def opens(self) -> bool:
        """Whether enter opens a list."""
        return False

    # ---------------------------------------------------------- the same for all

    def validate_item(self, item: int) -> int:
        return max(0, min(item, self.items - 1))

    def watch_item(self) -> None:
        self.post_message(self.Moved())

    def changed(self) -> None:
        """Call this when the data has changed."""
        self.item = self.validate_item(self.item)
        self.refresh()
        self.post_message(self.Moved())

    def render(self) -> Content:
        width, height = self.size
        if width < 1 or height < 1:
            return Content("")
        if self._waiting:
            return Content.styled(fit(self._waiting, width), "dim")
        return self.draw(width, height)

    def wait_for(self, text: Safe) -> None:
        """Say this in the place of a plot that is not computed yet; nothing once it is."""
        if text != self._waiting:
            self._waiting = text
            self.refresh()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.opens if action == "open" else True

    def action_move(self, by: int) -> None:
        self.item += by

    def action_open(self) -> None:
        if self.opens:
            self.post_message(self.Opened(self))


def shade(n: int, most: int) -> str:
    """The glyph for a count on a square-root scale; a nonzero count is never blank."""
    if n <= 0 or most <= 0:
        return RAMP[0]
    steps = len(RAMP) - 1
    return RAMP[min(steps, max(1, round((n / most) ** 0.5 * steps)))]


def beside(blocks: list[list[Content]], width: int) -> Content:
    """Blocks of lines next to each other, each `width` cells wide."""
    height = max((len(block) for block in blocks), default=0)
    lines = []
    for y in range(height):
        line = Content("")
        for x, block in enumerate(blocks):
            part = block[y] if y < len(block) else Content("")
            line += part.truncate(width)
            if x + 1 < len(blocks):
                line += Content(" " * max(0, width - part.cell_length))
        lines.append(line)
    return Content("\n").join(lines)


def heading(text: Safe, width: int, chosen: bool, focused: bool) -> Content:
    """The title of one block, highlighted if it is selected."""
    style = ("reverse bold" if focused else "bold") if chosen else "dim"
    title = fit(text, min(width - 1, len(text)))
    return Content.styled(title, style)
