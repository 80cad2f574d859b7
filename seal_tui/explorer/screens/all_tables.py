"""Every metric table, record by record: what the other screens are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from seal_tui.explorer.screens.dialogs import TextScreen
from seal_tui.explorer.screens.over import OverScreen
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.lines import Column, LineList, cell
from seal_tui.explorer.widgets.rows import RowList
from seal_tui.text import numbers, readings
from seal_tui.text.safe import Safe, content, fit, one_line
from seal_tui.text.tables import Record, Tables

_WIDEST = 34
_NAMES_HELP = (
    "Every table that the measures gave, with the number of its records. Enter goes into a table. "
    "docs/method.md says what every field is; `seal-tui metrics --json` prints them all."
)
_RECORDS_HELP = (
    "The records of one table, with as many fields as fit. The line below reads the record out; "
    "enter shows all its fields."
)


def value(found: Any) -> Safe:
    """One field of a record as text."""
    if found is None:
        return numbers.NOTHING
    if isinstance(found, bool):
        return Safe("yes" if found else "no")
    if isinstance(found, int):
        return numbers.count(found)
    if isinstance(found, float):
        return Safe(f"{found:.4g}".replace("-", numbers.MINUS))
    return one_line(str(found))


def fields(record: Record) -> list[tuple[Safe, Safe]]:
    """The fields in order as (name, value); those inside a field come after its name."""
    found = []
    for key, item in record.items():
        if isinstance(item, Mapping):
            # A test's details hold every key of every test; those of others are null.
            inner = [(name, one) for name, one in item.items() if one is not None]
            found += [(one_line(f"{key} {name}"), value(one)) for name, one in inner]
        else:
            found.append((one_line(key), value(item)))
    return found


class AllTablesScreen(OverScreen):
    """The tables on the left, the records of one on the right; one at a time on a small screen."""

    TAB: ClassVar[str] = "tables"
    HELP: ClassVar[str] = "Everything that was computed."

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._tables: Tables | None = None
        self._names: Sequence[str] = ()
        self._shown = ""
        self._records: Sequence[Record] = ()

    def body(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        with Horizontal(id="both"):
            columns = (
                Column(Safe("table"), 24),
                Column(Safe("records"), 7, "right"),
                Column(Safe("what it holds"), 0, rank=1, least=30),
            )
            yield RowList(columns, meaning=_NAMES_HELP, id="names")
            empty = Safe("no records")
            yield RowList((), meaning=_RECORDS_HELP, empty=empty, id="records")
        yield Static(id="reading", markup=False)

    @property
    def names(self) -> RowList:
        return self.query_one("#names", RowList)

    @property
    def records(self) -> RowList:
        return self.query_one("#records", RowList)

    def on_mount(self) -> None:
        super().on_mount()
        self.names.focus()

    async def load(self) -> None:
        self._tables = await self.session.tables()
        self._names = self._tables.names()
        self.names.show(
            [
                (
                    cell(one_line(name)),
                    cell(numbers.count(len(self._tables.rows(name))), "muted"),
                    cell(readings.TABLES.get(name, Safe("")), "muted"),
                )
                for name in self._names
            ],
            self._names,
        )
        self._shown = ""
        self._show_table()

    # ---------------------------------------------------------- one table

    @on(LineList.Moved, "#names")
    def _show_table(self) -> None:
        name = self.names.current
        if self._tables is None or name is None:
            return
        if name != self._shown:
            self._shown = name
            self._records = self._tables.rows(name)
            self._show_records()
        self._read()

    def _show_records(self) -> None:
        columns = list(
            dict.fromkeys(
                key
                for record in self._records
                for key, item in record.items()
                if not isinstance(item, Mapping)
            )
        )
        drawn = [[value(record.get(key)) for key in columns] for record in self._records]
        made = []
        for place, key in enumerate(columns):
            texts = [row[place] for row in drawn]
            room = max([cell_len(one_line(key)), *map(cell_len, texts)])
            number = any(
                isinstance(record.get(key), int | float) and not isinstance(record.get(key), bool)
                for record in self._records
            )
            # The first fields say which record it is; the last ones go first when room is short.
            made.append(
                Column(one_line(key), min(room, _WIDEST), "right" if number else "left", rank=place)
            )
        self.records.set_columns(made)
        keys = [str(place) for place in range(len(drawn))]
        self.records.show([[cell(text) for text in row] for row in drawn], keys)
        self.records.cursor = 0

    # ---------------------------------------------------------- in words

    @on(LineList.Moved, "#records")
    def _read(self) -> None:
        head = Content.assemble(
            (one_line(self._shown), "bold"),
            (f" · {readings.TABLES.get(self._shown, Safe(''))}", "dim"),
        )
        self.query_one("#head", Static).update(head)
        self.query_one("#reading", Static).update(Content(self.reading()))

    def on_descendant_focus(self) -> None:
        super().on_descendant_focus()
        self._read()

    def reading(self) -> Safe:
        """The record under the cursor as a sentence."""
        place = self.records.cursor
        if place >= len(self._records):
            return Safe("Nothing of this could be estimated; “dropped” says why.")
        return readings.record(self._shown, self._records[place], self.session)

    # ---------------------------------------------------------- in and out

    @on(LineList.Opened, "#names")
    def _enter(self) -> None:
        self.add_class("-record")
        self.records.focus()

    @on(LineList.Opened, "#records")
    def _open(self, event: LineList.Opened) -> None:
        found = fields(self._records[event.index])
        room = 2 + max(cell_len(name) for name, _ in found)
        lines = [Content.assemble((fit(name, room), "dim"), content(text)) for name, text in found]
        said = Content.styled(self.reading(), "bold")
        self.app.push_screen(
            TextScreen(Safe("record"), Content("\n").join([said, Content(""), *lines]))
        )

    def action_back(self) -> None:
        if self.has_class("-record"):
            self.remove_class("-record")
            self.names.focus()
        else:
            super().action_back()
