"""A short list that can be sorted by any column; the header shows the order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from seal_tui.explorer.widgets.lines import NO_TEXT, Cell, Column
from seal_tui.explorer.widgets.rows import RowList
from seal_tui.text.safe import Safe

Line = TypeVar("Line")
Key = Callable[[Line], float | str | None]


@dataclass(frozen=True)
class Field(Generic[Line]):
    """A column: how to draw a line, and its sort key. Without `draw` it is only a sort order;
    without `key` it is not sortable."""

    title: Safe
    draw: Callable[[Line], Cell] | None = None
    key: Key[Line] | None = None
    width: int = 0
    align: str = "left"
    rank: int = 0
    least: int = 8
    most: int = 999
    descending: bool = True


class SortedList(RowList, Generic[Line]):
    """Fields turn lines into rows. The first field with a key is the default order."""

    def __init__(self, *, meaning: str = "", empty: Safe = NO_TEXT, id: str | None = None) -> None:
        super().__init__((), meaning=meaning, empty=empty, id=id)
        self._fields: Sequence[Field[Line]] = ()
        self._lines: Sequence[Line] = ()
        self._name_of: Callable[[Line], str] = str
        self._by = NO_TEXT
        self._descending = True

    def fill(
        self, fields: Sequence[Field[Line]], lines: Sequence[Line], name_of: Callable[[Line], str]
    ) -> None:
        """Show these lines. The order is kept if a field has the same title; the cursor stays on
        the line with the same name."""
        self._fields, self._lines, self._name_of = fields, lines, name_of
        orders = self._orders()
        if orders and self._by not in [field.title for field in orders]:
            self._by, self._descending = orders[0].title, orders[0].descending
        self._arrange()

    @property
    def line(self) -> Line | None:
        """The line under the cursor."""
        return self._lines[self.cursor] if self.cursor < len(self._lines) else None

    @property
    def lines(self) -> Sequence[Line]:
        return self._lines

    @property
    def order(self) -> Safe:
        """The order as text."""
        return Safe(f"{self._by.strip(' *')} {'↓' if self._descending else '↑'}")

    def next_order(self) -> None:
        orders = self._orders()
        titles = [field.title for field in orders]
        if orders:
            field = orders[(titles.index(self._by) + 1) % len(orders)]
            self._by, self._descending = field.title, field.descending
            self._arrange()
            self.cursor = 0

    def reverse(self) -> None:
        self._descending = not self._descending
        self._arrange()
        self.cursor = 0

    def _orders(self) -> list[Field[Line]]:
        return [field for field in self._fields if field.key is not None]

    def _arrange(self) -> None:
        key = next((field.key for field in self._orders() if field.title == self._by), None)
        if key is not None:
            # Lines without a value come last in both directions.
            ranked = [line for line in self._lines if key(line) is not None]
            unranked = [line for line in self._lines if key(line) is None]
            ranked.sort(key=self._name_of)
            ranked.sort(key=key, reverse=self._descending)  # type: ignore[arg-type]
            self._lines = [*ranked, *unranked]
        visible = [field for field in self._fields if field.draw is not None]
        self.set_columns([self._column(field) for field in visible])
        self.show(
            [[field.draw(line) for field in visible if field.draw] for line in self._lines],
            [self._name_of(line) for line in self._lines],
        )

    def _column(self, field: Field[Line]) -> Column:
        way = ("▾" if self._descending else "▴") if field.title == self._by else ""
        title = Safe(f"{field.title}{way}")
        return Column(title, field.width, field.align, field.rank, field.least, field.most)
