"""All metric tables, record by record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.results import flat
from engine.results.numbers import significant
from engine.results.records import Record, Tables
from engine.results.tables import TABLES
from seal_tui.explorer.screens.dialogs import TextScreen
from seal_tui.explorer.screens.over import OverScreen
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.lines import Column, LineList, cell
from seal_tui.explorer.widgets.rows import RowList
from seal_tui.text import numbers
from seal_tui.text.results import meaning, sentence
from seal_tui.text.safe import Safe, content, fit, one_line

_WIDEST = 34
_NAMES_HELP = (
    "All metric tables with their number of records. Enter opens a table. docs/method.md defines "
    "every field; `seal-tui metrics --json` prints all tables."
)
_RECORDS_HELP = (
    "The records of one table, with as many fields as fit. The line below interprets the selected "
    "record; enter shows all its fields."
)


def fields(name: str, record: Record) -> list[tuple[Safe, Safe]]:
    """The flat fields in order, as (key, value); nested fields have the prefix of their field."""
    flat_row = flat.row(record)
    lines = []
    for key in TABLES[name].keys:
        value = flat_row[key.name]
        if isinstance(value, Mapping):
            inner = [(part, one) for part, one in value.items() if one is not None]
            lines += [(one_line(f"{key.name} {part}"), _detail(one)) for part, one in inner]
        else:
            lines.append((one_line(key.name), _value(key, value)))
    return lines


def _value(key: flat.Key, value: Any) -> Safe:
    """A field in its display format."""
    return one_line(key.about.show(value) if key.about is not None else str(value))


def _detail(value: Any) -> Safe:
    if isinstance(value, float):
        return one_line(significant(value))
    return numbers.count(value) if isinstance(value, int) else one_line(str(value))


class AllTablesScreen(OverScreen):
    """Tables on the left, records of one on the right; one of the two on a small terminal."""

    TAB: ClassVar[str] = "tables"
    HELP: ClassVar[str] = "All results of the study."

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._tables: Tables | None = None
        self._table = ""
        self._records: Sequence[Record] = ()

    def body(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        with Horizontal(id="both"):
            columns = (
                Column(Safe("table"), 24),
                Column(Safe("records"), 7, "right"),
                Column(Safe("contents"), 0, rank=1, least=30),
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
        self._tables = (await self.session.metrics()).tables
        self.names.show(
            [
                (
                    cell(one_line(name)),
                    cell(numbers.count(len(getattr(self._tables, name))), "muted"),
                    cell(meaning(name), "muted"),
                )
                for name in TABLES
            ],
            list(TABLES),
        )
        self._table = ""
        self._show_table()

    # ---------------------------------------------------------- one table

    @on(LineList.Moved, "#names")
    def _show_table(self) -> None:
        name = self.names.current
        if self._tables is None or name is None:
            return
        if name != self._table:
            self._table = name
            self._records = getattr(self._tables, name)
            self._show_records()
        self._read()

    def _show_records(self) -> None:
        keys = [key for key in TABLES[self._table].keys if key.type != dict[str, Any]]
        texts = []
        for record in self._records:
            flat_row = flat.row(record)
            texts.append([_value(key, flat_row[key.name]) for key in keys])
        columns = []
        for place, key in enumerate(keys):
            room = max([cell_len(key.name), *(cell_len(row[place]) for row in texts)])
            align = "right" if key.about is not None and key.about.numeric else "left"
            # The first fields identify the record, so the last ones are hidden first.
            columns.append(Column(one_line(key.name), min(room, _WIDEST), align, rank=place))
        self.records.set_columns(columns)
        places = [str(place) for place in range(len(texts))]
        self.records.show([[cell(text) for text in row] for row in texts], places)
        self.records.cursor = 0

    # ---------------------------------------------------------- interpretation

    @on(LineList.Moved, "#records")
    def _read(self) -> None:
        head = Content.assemble(
            (one_line(self._table), "bold"),
            (f" · {meaning(self._table) if self._table else ''}", "dim"),
        )
        self.query_one("#head", Static).update(head)
        self.query_one("#reading", Static).update(Content(self.interpretation()))

    def on_descendant_focus(self) -> None:
        super().on_descendant_focus()
        self._read()

    def interpretation(self) -> Safe:
        """The interpretation of the selected record."""
        place = self.records.cursor
        if place >= len(self._records):
            return Safe("Nothing could be estimated; see the table “dropped” for the reasons.")
        return sentence(self._table, self._records[place], self.session.kind)

    # ---------------------------------------------------------- in and out

    @on(LineList.Opened, "#names")
    def _enter(self) -> None:
        self.add_class("-record")
        self.records.focus()

    @on(LineList.Opened, "#records")
    def _open(self, event: LineList.Opened) -> None:
        pairs = fields(self._table, self._records[event.index])
        room = 2 + max(cell_len(name) for name, _ in pairs)
        lines = [Content.assemble((fit(name, room), "dim"), content(text)) for name, text in pairs]
        sentence_line = Content.styled(self.interpretation(), "bold")
        self.app.push_screen(
            TextScreen(Safe("record"), Content("\n").join([sentence_line, Content(""), *lines]))
        )

    def action_back(self) -> None:
        if self.has_class("-record"):
            self.remove_class("-record")
            self.names.focus()
        else:
            super().action_back()
