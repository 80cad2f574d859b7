"""A list with a header, a cursor and columns that fit the width.

Textual's `DataTable` takes 25 s for 160k rows and interprets `str` cells as markup. This list draws
only the visible lines, from `Safe` cells, and asks its subclass for one row at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from seal_tui.explorer.actions import bindings
from seal_tui.text.safe import Safe, fit


@dataclass(frozen=True)
class Column:
    """Columns of `width` 0 have at least `least`; what is left goes to the first up to its `most`,
    then to the next. On a narrow terminal,
    columns with the highest `rank` are hidden first."""

    title: Safe
    width: int
    align: str = "left"
    rank: int = 0
    least: int = 8
    most: int = 999


class Part(NamedTuple):
    """A part of a cell in one style: "", chosen, rejected, caution, muted or strong."""

    text: Safe
    style: str = ""


Cell = Sequence[Part]
Drawing = Callable[[int], Cell]
"""A cell that fills its column, whatever its width."""


def cell(text: Safe, style: str = "") -> Cell:
    return (Part(text, style),)


NO_TEXT = Safe("")
NO_STYLE = Style()
_MAX_CACHED_ROWS = 500
STYLES = ("chosen", "rejected", "caution", "muted", "strong")


class LineList(ScrollView, can_focus=True):
    """Base of every list. Subclasses define `count` and `cells`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"lines--{name}" for name in STYLES),
        "lines--header",
        "lines--cursor",
        "lines--cursor-blurred",
    }
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]

    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The cursor has moved."""

        def __init__(self, lines: LineList, index: int) -> None:
            super().__init__()
            self.lines = lines
            self.index = index

        @property
        def control(self) -> LineList:
            return self.lines

    class Opened(Moved):
        """Enter was pressed on a row."""

    def __init__(
        self, columns: Sequence[Column], *, empty: Safe = NO_TEXT, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.empty = empty
        self._waiting = NO_TEXT
        self.meaning = ""
        """An explanation of the list, for the help."""
        self._layout: tuple[int, list[tuple[int, int]]] | None = None
        self._painted: dict[tuple[str, Style], Style] = {}
        self._row_cache: dict[int, Strip] = {}  # rendered rows without the cursor

    # ---------------------------------------------------------- defined by subclasses

    @property
    def count(self) -> int:
        raise NotImplementedError

    def cells(self, index: int) -> Sequence[Cell | Drawing]:
        """One cell for every column, including hidden ones."""
        raise NotImplementedError

    def marked(self, index: int) -> bool:
        """Whether this row is selected; selected rows get a mark at the left edge."""
        return False

    # ---------------------------------------------------------- size and columns

    def set_columns(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self._layout = None
        self.refresh()

    def rows_changed(self, cursor: int = 0) -> None:
        """Call this after `count` or the rows have changed."""
        self.virtual_size = Size(self.size.width, self.count + 1)
        before = self.cursor
        self.cursor = max(0, min(cursor, self.count - 1))
        self._show_cursor()
        self.refresh()
        if before == self.cursor:
            self.post_message(self.Moved(self, self.cursor))

    def wait_for(self, text: Safe) -> None:
        """Say this in the place of rows that are not computed yet; nothing once they are."""
        if text != self._waiting:
            self._waiting = text
            self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(self.count, 1) + 1

    def on_resize(self, event: events.Resize) -> None:
        self._layout = None
        self._row_cache.clear()
        self.virtual_size = Size(event.size.width, self.count + 1)
        self._show_cursor()

    def _columns_for(self, width: int) -> list[tuple[int, int]]:
        """The visible columns, as (index, width)."""
        if self._layout is not None and self._layout[0] == width:
            return self._layout[1]
        visible = list(range(len(self.columns)))

        def needed() -> int:
            widths = [self.columns[i].width or self.columns[i].least for i in visible]
            return 1 + sum(widths) + len(visible)

        while needed() > width and len(visible) > 1:
            worst = max(visible, key=lambda i: (self.columns[i].rank, i))
            if self.columns[worst].rank == 0:
                break
            visible.remove(worst)
        rest = width - needed()
        widths = {i: self.columns[i].width for i in visible}
        for i in (i for i in visible if not widths[i]):
            column = self.columns[i]
            widths[i] = max(1, min(column.least + rest, column.most))
            rest -= widths[i] - column.least
        layout = list(widths.items())
        self._layout = (width, layout)
        return layout

    # ---------------------------------------------------------- drawing

    def refresh(self, *regions: Region, **how: bool) -> Self:
        """Without a region everything is redrawn. Scrolling passes a region: its rows have not
        changed."""
        if not regions:
            self._row_cache.clear()
        return super().refresh(*regions, **how)

    def notify_style_update(self) -> None:
        self._row_cache.clear()
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        self._painted = {}  # the theme or the focus may have changed
        return super().render_lines(crop)

    def _style(self, name: str = "", under: Style = NO_STYLE) -> Style:
        """The style of a component over `under`, or without a name the widget's own. Cached,
        because looking it up in Textual costs as much as drawing a row."""
        key = (name, under)
        if key not in self._painted:
            self._painted[key] = (
                under + self.get_component_rich_style(f"lines--{name}", partial=True)
                if name
                else self.rich_style
            )
        return self._painted[key]

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self._style()
        if y == 0:
            return self._header(width, base)
        index = self.scroll_offset.y + y - 1
        if index >= self.count:
            if self.count == 0 and y == 1:
                dim = self._style("muted", base)
                return self._strip(
                    [Segment(" " + fit(self._waiting or self.empty, width - 1), dim)], width, base
                )
            return Strip.blank(width, base)
        if index == self.cursor:
            return self._row(index, width, base)
        if index not in self._row_cache:
            if len(self._row_cache) > _MAX_CACHED_ROWS:
                self._row_cache.clear()
            self._row_cache[index] = self._row(index, width, base)
        return self._row_cache[index]

    def _header(self, width: int, base: Style) -> Strip:
        style = self._style("header", base)
        segments = [Segment(" ", style)]
        for i, room in self._columns_for(width):
            column = self.columns[i]
            segments.append(Segment(fit(column.title, room, column.align) + " ", style))
        return self._strip(segments, width, style)

    def _row(self, index: int, width: int, base: Style) -> Strip:
        selected = index == self.cursor
        cursor: Style | None = None
        if selected:
            cursor = self._style("cursor" if self.has_focus else "cursor-blurred", base)
        plain = cursor or base
        edge = "▌" if selected and not self.has_focus else " "
        segments = [Segment("●" if self.marked(index) else edge, plain)]
        cells = self.cells(index)
        for i, room in self._columns_for(width):
            one = cells[i]
            parts = one(room) if callable(one) else one
            for part in _fitted(parts, room, self.columns[i].align):
                style = plain
                # Coloured parts would break the cursor bar into several backgrounds.
                if part.style and (cursor is None or not self.has_focus):
                    style = self._style(part.style, plain)
                segments.append(Segment(part.text, style))
            segments.append(Segment(" ", plain))
        return self._strip(segments, width, plain)

    def _strip(self, segments: list[Segment], width: int, style: Style) -> Strip:
        return Strip(segments).adjust_cell_length(width, style)

    # ---------------------------------------------------------- the cursor

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, self.count - 1))

    def watch_cursor(self, before: int, now: int) -> None:
        self._refresh_row(before)
        self._refresh_row(now)
        self._show_cursor()
        self.post_message(self.Moved(self, now))

    def _refresh_row(self, index: int) -> None:
        y = index + 1 - self.scroll_offset.y
        if 0 < y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    @property
    def page(self) -> int:
        """The number of visible rows; the header takes one line."""
        return max(1, self.size.height - 1)

    def _show_cursor(self) -> None:
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + self.page:
            self.scroll_to(y=self.cursor - self.page + 1, animate=False, force=True)

    def on_focus(self) -> None:
        self._refresh_row(self.cursor)

    def on_blur(self) -> None:
        self._refresh_row(self.cursor)

    def on_click(self, event: events.Click) -> None:
        index = self.scroll_offset.y + event.y - 1
        if event.y > 0 and index < self.count:
            if index == self.cursor:
                self.action_open()
            self.cursor = index

    def action_cursor_up(self) -> None:
        self.cursor -= 1

    def action_cursor_down(self) -> None:
        self.cursor += 1

    def action_page_up(self) -> None:
        self.cursor -= self.page

    def action_page_down(self) -> None:
        self.cursor += self.page

    def action_top(self) -> None:
        self.cursor = 0

    def action_bottom(self) -> None:
        self.cursor = self.count - 1

    def action_open(self) -> None:
        if self.count:
            self.post_message(self.Opened(self, self.cursor))


def _fitted(parts: Cell, room: int, align: str) -> Sequence[Part]:
    """`parts` cut or padded to `room` cells."""
    if len(parts) == 1:
        return (Part(fit(parts[0].text, room, align), parts[0].style),)
    fitted: list[Part] = []
    left = room
    for part in parts:
        length = cell_len(part.text)
        if length > left:
            fitted.append(Part(fit(part.text, left), part.style))
            left = 0
            break
        fitted.append(part)
        left -= length
    if left:
        gap = Part(Safe(" " * left))
        fitted = [gap, *fitted] if align == "right" else [*fitted, gap]
    return fitted
