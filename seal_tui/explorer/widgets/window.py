"""A list for very many rows: it has all ids and fetches the visible rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from textual import work
from textual.message import Message

from engine.errors import SealError
from seal_tui.explorer.pages import Pages
from seal_tui.explorer.widgets.lines import NO_TEXT, Cell, Column, LineList, Part, cell
from seal_tui.text.safe import Safe

Row = TypeVar("Row")
Fetch = Callable[[Sequence[int]], Awaitable[Sequence[Row]]]


class WindowList(LineList, Generic[Row]):
    """`fetch` returns rows by id; `draw` turns a row into cells."""

    class Failed(Message):
        """Rows could not be fetched."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def __init__(
        self,
        columns: Sequence[Column],
        fetch: Fetch[Row],
        draw: Callable[[Row], Sequence[Cell]],
        *,
        empty: Safe = NO_TEXT,
        id: str | None = None,
    ) -> None:
        self._pages: Pages[Row] = Pages()
        super().__init__(columns, empty=empty, id=id)
        self._fetch = fetch
        self._draw = draw
        self._fetching = False
        self._selected: dict[int, None] = {}  # ids, in the order in which they were selected
        self._anchor: int | None = None

    @property
    def count(self) -> int:
        return len(self._pages)

    @property
    def ids(self) -> Sequence[int]:
        return self._pages.ids

    @property
    def current(self) -> int | None:
        """The id under the cursor."""
        return self.ids[self.cursor] if self.ids else None

    @property
    def current_row(self) -> Row | None:
        """The row under the cursor, if it is loaded."""
        return self._pages.row(self.cursor) if self.ids else None

    def row_of(self, row_id: int) -> Row | None:
        """The row of this id, if it is in the list and loaded."""
        if self.current == row_id:
            return self.current_row
        return self._pages.row(self.ids.index(row_id)) if row_id in self.ids else None

    def go_to(self, row_id: int) -> None:
        """Move the cursor to this id, if it is in the list."""
        with suppress(ValueError):
            self.cursor = self.ids.index(row_id)

    def show(self, ids: Sequence[int], keep: int | None = None) -> None:
        """Show these ids, with the cursor on `keep` if it is one of them. Selected ids that are
        still in the list stay selected."""
        self._pages = Pages(ids)
        if self._selected:
            there = set(ids)
            self._selected = {i: None for i in self._selected if i in there}
        self._anchor = None
        try:
            cursor = ids.index(keep) if keep is not None else 0
        except ValueError:
            cursor = 0
        self.rows_changed(cursor)

    @work(exclusive=True, group="renew", exit_on_error=False)
    async def renew(self) -> None:
        """Fetch the rows again after a change. The old ones stay visible until then."""
        pages = self._pages
        top = self.scroll_offset.y
        try:
            for page in pages.keep_only(top, top + self.page - 1):
                pages.put(page, await self._fetch(pages.ids_of(page)))
                self.refresh()
        except SealError as error:
            self.post_message(self.Failed(error))

    # ---------------------------------------------------------- selection

    @property
    def selected(self) -> tuple[int, ...]:
        return tuple(self._selected)

    def marked(self, index: int) -> bool:
        return bool(self._selected) and self.ids[index] in self._selected

    def toggle(self) -> None:
        """Select or deselect the row under the cursor, and go to the next row."""
        current = self.current
        if current is None:
            return
        if current in self._selected:
            del self._selected[current]
        else:
            self._selected[current] = None
        self._anchor = self.cursor
        self.refresh()
        self.cursor += 1

    def select_range(self) -> None:
        """Select all rows from the last selected one to the cursor."""
        start = self._anchor if self._anchor is not None else self.cursor
        low, high = sorted((start, self.cursor))
        self._selected.update(dict.fromkeys(self.ids[low : high + 1]))
        self._anchor = self.cursor
        self.refresh()

    def select_all(self) -> None:
        self._selected = dict.fromkeys(self.ids)
        self.refresh()

    def deselect(self, row_ids: Sequence[int]) -> None:
        for row_id in row_ids:
            self._selected.pop(row_id, None)
        self.refresh()

    def select_none(self) -> None:
        self._selected, self._anchor = {}, None
        self.refresh()

    # ---------------------------------------------------------- rows

    def cells(self, index: int) -> Sequence[Cell]:
        row = self._pages.row(index)
        if row is not None:
            return self._draw(row)
        self._fetch_soon()
        first = cell(Safe(str(self.ids[index])), "muted")
        return [first, *[(Part(Safe("·"), "muted"),)] * (len(self.columns) - 1)]

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._pages_to_fetch():
            self._fetch_soon()

    def _fetch_soon(self) -> None:
        if not self._fetching:
            self._fetching = True
            self.call_after_refresh(self._fetch_pages)

    @work(exclusive=False, group="rows", exit_on_error=False)
    async def _fetch_pages(self) -> None:
        """Fetch the visible pages, then the adjacent ones. Pages that were scrolled past in the
        meantime are not fetched."""
        try:
            while numbers := self._pages_to_fetch():
                pages, page = self._pages, numbers[0]
                rows = await self._fetch(pages.ids_of(page))
                in_view = page in self._missing(0)  # it may have become visible in the meantime
                pages.put(page, rows)
                if in_view:
                    self.refresh()
        except SealError as error:
            self.post_message(self.Failed(error))
        finally:
            self._fetching = False

    def _pages_to_fetch(self) -> list[int]:
        """Pages that are visible now, or after the next page key."""
        return self._missing(0) or self._missing(self.page)

    def _missing(self, around: int) -> list[int]:
        """Missing pages of the visible lines and of `around` more lines on either side."""
        top = self.scroll_offset.y
        return self._pages.missing(top - around, top + self.page - 1 + around)
