"""Base of the browsing screens: a long list, a detail view that follows it, and a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.timer import Timer

from engine.errors import SealError
from engine.wire.client import EngineGone, EngineProblem
from engine.wire.messages import Completion, Ids
from seal_tui.explorer.place import View
from seal_tui.explorer.screens.base import SealScreen
from seal_tui.explorer.screens.dialogs import TextScreen
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.bars import refresh_keys
from seal_tui.explorer.widgets.detail import Body
from seal_tui.explorer.widgets.filter_bar import FilterBar
from seal_tui.explorer.widgets.lines import Cell, Column, LineList
from seal_tui.explorer.widgets.pair_view import PairView
from seal_tui.explorer.widgets.rewrite_view import RewriteView
from seal_tui.explorer.widgets.window import WindowList
from seal_tui.text import numbers
from seal_tui.text.safe import Safe, content, one_line

Query = TypeVar("Query")
Row = TypeVar("Row")
Detail = TypeVar("Detail")

_FOLLOW_S = 0.06
_KEPT_FILTERS = 50


class BrowseScreen(SealScreen, Generic[Query, Row, Detail]):
    """Subclasses define rows, details and queries.

    With the class `-detail` the detail view has the whole screen. Otherwise wide terminals show
    both, narrow ones only the list.
    """

    AUTO_FOCUS: ClassVar[str | None] = ""  # never the field of the filter, which is hidden
    COLUMNS: ClassVar[tuple[Column, ...]]
    SORTS: ClassVar[dict[Any, tuple[str, bool]]]
    """Every sort order: its display name, and whether it is descending by default."""
    NOUN: ClassVar[str]
    LIST_HELP: ClassVar[str] = ""
    VIEW_ACTIONS: ClassVar[tuple[str, ...]]
    """Actions of the detail view. They also work from the list while the detail view is visible."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._filter = ""
        self._past: list[str] = []
        self._sort: str = next(iter(self.sorts))
        self._descending = self.sorts[self._sort][1]
        self._ids = Ids(ids=(), of=0, sql="")
        self._next_ids: Ids | None = None
        self._follow: Timer | None = None
        self._to_top = True
        self._target: int | None = None
        self._open_target = False
        self._return()

    def _return(self) -> None:
        """Restore the view of the last session."""
        view = self.session.views.get(self.TAB)
        if view is None:
            return
        self._filter = view.filter
        self._target = view.row
        if view.sort in self.sorts:
            self._sort, self._descending = view.sort, view.descending

    def _keep_view(self) -> None:
        """Save the view for the next session."""
        self.session.views[self.TAB] = View(
            filter=self._filter,
            sort=self._sort,
            descending=self._descending,
            row=self.lines.current,
        )

    # ---------------------------------------------------------- defined by subclasses

    @property
    def sorts(self) -> Mapping[Any, tuple[str, bool]]:
        """The sort orders that are available now."""
        return self.SORTS

    def make_query(self, text: str) -> Query:
        """The query for a filter, in the current order."""
        raise NotImplementedError

    async def complete(self, text: str, cursor: int) -> Sequence[Completion]:
        raise NotImplementedError

    async def find(self, query: Query) -> Ids:
        raise NotImplementedError

    async def rows(self, ids: Sequence[int]) -> Sequence[Row]:
        raise NotImplementedError

    async def detail(self, row_id: int) -> Detail:
        raise NotImplementedError

    def draw(self, row: Row) -> Sequence[Cell]:
        raise NotImplementedError

    def make_view(self) -> PairView | RewriteView:
        raise NotImplementedError

    # ---------------------------------------------------------- layout

    def body(self) -> ComposeResult:
        yield FilterBar(self.complete)
        with Horizontal(id="panes"):
            lines: WindowList[Row] = WindowList(
                self.COLUMNS,
                self.rows,
                self.draw,
                empty=Safe("loading…"),
                id="list",
            )
            lines.meaning = self.LIST_HELP
            yield lines
            yield self.make_view()

    @property
    def lines(self) -> WindowList[Row]:
        return self.query_one("#list", WindowList)

    @property
    def view(self) -> Any:
        return self.query_one("#detail")

    @property
    def bar(self) -> FilterBar:
        return self.query_one(FilterBar)

    @property
    def in_detail(self) -> bool:
        return self.has_class("-detail")

    @property
    def detail_is_shown(self) -> bool:
        return self.in_detail or self.has_class("-wide")

    def on_mount(self) -> None:
        super().on_mount()
        self.view.forget(Content(""))
        self.lines.focus()

    def on_resize(self) -> None:
        self._show_detail_soon()

    # ---------------------------------------------------------- which rows

    async def load(self) -> None:
        # The cursor keeps its row, even if the list is of another epoch or filter.
        keep = None if self._to_top else self.lines.current
        self._ids = self._next_ids or await self.find(self.make_query(self._filter))
        self._next_ids, self._to_top = None, False
        self.lines.empty = self._why_empty(self._ids)
        target, self._target = self._target, None
        self.lines.show(self._ids.ids, target if target is not None else keep)
        if self._open_target and self.lines.current == target:
            self._opened()
        self._open_target = False
        self._summarise()
        self._keep_view()
        self.explorer.keep_place()
        if not self._ids.ids:
            self.view.forget(Content(""))
        refresh_keys(self)

    def _why_empty(self, found: Ids) -> Safe:
        if not self._filter:
            return Safe(f"no {self.NOUN} in this run")
        return one_line(found.hint) or Safe(f"no {self.NOUN} match; ⌫ restores the last filter")

    def left_out(self, found: Ids) -> Safe:
        """What the count of the list leaves out, or what is not counted elsewhere; may be empty."""
        return Safe("")

    def _summarise(self) -> None:
        way = "↓" if self._descending else "↑"
        count = f"{numbers.count(len(self._ids.ids))} of {numbers.count(self._ids.of)} {self.NOUN}"
        left = self.left_out(self._ids)
        what = content(self._filter) if self._filter else Content.styled("all", "dim")
        self.bar.say(
            Content.assemble(("filter ", "dim"), what),
            Content.assemble(
                (count, "bold"),
                (f" · {left}" if left else "", "$caution"),
                (f" · by {self.order(self._sort)[0]} {way}", "dim"),
                (" · blind" if self.session.blind else "", "$caution"),
            ),
        )

    def filter_by(self, text: str, *, sort: str = "", remember: bool = True) -> None:
        """Show what `text` selects, in this order or the current one."""
        if sort:
            self._order_by(sort)
        if remember and text != self._filter:
            self._past = [*self._past, self._filter][-_KEPT_FILTERS:]
        self._filter = text
        self._to_top = True
        if self.in_detail:
            self.remove_class("-detail")
            self.lines.focus()
        if self.session.status is not None and self.is_mounted:
            self._load()

    def open_row(self, row_id: int) -> None:
        """Show one row in full, in the unfiltered list."""
        self._target, self._open_target = row_id, True
        self.filter_by("")

    @on(FilterBar.Asked)
    def _filter_asked(self, event: FilterBar.Asked) -> None:
        self._try(event.text)

    @work(exclusive=True, group="try", exit_on_error=True)
    async def _try(self, text: str) -> None:
        """Show what `text` selects, or mark the error in it."""
        try:
            ids = await self.find(self.make_query(text))
        except EngineProblem as error:
            self.bar.refuse(str(error), error.start, error.end)
            return
        except EngineGone as error:
            self.bar.refuse(f"the engine does not respond ({error}); enter retries")
            return
        self.bar.close()
        self.lines.focus()
        self._next_ids = ids
        self.filter_by(text)

    @on(FilterBar.Closed)
    def _filter_closed(self) -> None:
        self.workers.cancel_group(self, "try")  # a late answer is ignored
        self.lines.focus()

    @on(WindowList.Failed)
    def _rows_failed(self, event: WindowList.Failed) -> None:
        if isinstance(event.error, SealError):
            self.trouble(event.error)

    # ---------------------------------------------------------- the detail follows the cursor

    @on(LineList.Moved, "#list")
    def _moved(self) -> None:
        self._keep_view()
        self._show_detail_soon()

    def _show_detail_soon(self) -> None:
        """Wait a moment, so that a held key does not request every pair it passes."""
        if self._follow is not None:
            self._follow.stop()
        if self.detail_is_shown and self.lines.current is not None:
            self._follow = self.set_timer(_FOLLOW_S, self._show_detail)

    def catch_up(self) -> None:
        if self._follow is not None:
            self._show_detail()

    @work(exclusive=True, group="detail", exit_on_error=True)
    async def _show_detail(self) -> None:
        if self._follow is not None:
            self._follow.stop()
            self._follow = None
        row_id = self.lines.current
        if row_id is None:
            return
        place = f"{numbers.count(self.lines.cursor + 1)} of {numbers.count(self.lines.count)}"
        try:
            detail = await self.detail(row_id)
        except SealError as error:
            self.view.forget(content(f"{error}", "$caution"))
            return
        self.view.show(detail, place)
        if self.in_detail and self.focused is None:  # it was hidden while it was empty
            self.view.query_one(Body).focus()
        refresh_keys(self)

    @on(LineList.Opened, "#list")
    def _opened(self) -> None:
        self.add_class("-detail")
        self._show_detail()
        self.view.query_one(Body).focus()
        refresh_keys(self)

    # ---------------------------------------------------------- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "back":
            return self.in_detail or (self.is_mounted and bool(self.lines.selected))
        if action == "undo_filter":
            return bool(self._past)
        if action in ("next_sort", "reverse", "filter") and self.in_detail:
            return False
        if action == "filter" and self.is_mounted and self.bar.asking:
            return False  # a slash is typed
        if action in self.VIEW_ACTIONS:
            return self.is_mounted and self.detail_is_shown and self.view.allows(action)
        return super().check_action(action, parameters)

    def action_toggle_context(self) -> None:
        self.view.toggle_context()

    def action_back(self) -> None:
        if not self.in_detail:
            self.lines.select_none()
        self.remove_class("-detail")
        self.lines.focus()
        refresh_keys(self)

    def action_filter(self) -> None:
        self.bar.ask(self._filter)

    def action_undo_filter(self) -> None:
        if self._past:
            *self._past, text = self._past
            self.filter_by(text, remember=False)

    def action_show_sql(self) -> None:
        self.app.push_screen(TextScreen(Safe("SQL of this filter"), content(self._ids.sql)))

    def _order_by(self, sort: str) -> None:
        self._sort = sort
        self._descending = self.order(sort)[1]

    def order(self, sort: str) -> tuple[str, bool]:
        """The display name of a sort order, and whether it is descending by default."""
        return self.sorts[sort]

    def sort_by(self, sort: str) -> None:
        """Sort the list and go to its start."""
        self._order_by(sort)
        self._to_top = True
        self._load()

    def action_next_sort(self) -> None:
        sorts = list(self.sorts)
        place = sorts.index(self._sort) if self._sort in sorts else -1
        self.sort_by(sorts[(place + 1) % len(sorts)])

    def action_reverse(self) -> None:
        self._descending = not self._descending
        self._to_top = True
        self._load()

    def action_next_row(self) -> None:
        self.lines.cursor += 1

    def action_previous_row(self) -> None:
        self.lines.cursor -= 1
