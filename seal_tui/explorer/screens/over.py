"""Screens that open from the overview; escape goes back to it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from engine.wire.endpoints import REJECTS
from engine.wire.messages import RejectRow
from seal_tui.explorer.actions import bindings
from seal_tui.explorer.screens.base import SealScreen
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.lines import Column, LineList, cell
from seal_tui.explorer.widgets.rows import RowList
from seal_tui.text import numbers
from seal_tui.text.safe import Safe, content, one_line


class OverScreen(SealScreen):
    """A screen without a tab of its own."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("over")]

    def action_back(self) -> None:
        if self.is_current:
            self.app.pop_screen()


class RejectsScreen(OverScreen):
    """The skipped rows of the source."""

    TAB: ClassVar[str] = "rejects"
    HELP: ClassVar[str] = (
        "Rows of the source that were skipped, in order: the file, the line and the reason. The "
        "line below explains the reason and shows the start of the row. Skipped rows are not in "
        "any result. To include them, fix the file and run the study again."
    )

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._rows: tuple[RejectRow, ...] = ()

    def body(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        columns = (
            Column(Safe("line"), 9, "right"),
            Column(Safe("reason"), 24),
            Column(Safe("detail"), 0, rank=1, least=20, most=60),
            Column(Safe("source"), 24, rank=2),
        )
        yield RowList(columns, empty=Safe("no rows were skipped"), id="table")
        yield Static(id="reading", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#table").focus()

    async def load(self) -> None:
        rejects = await self.session.client.ask(REJECTS())
        self._rows = rejects.rows
        limit = (
            ""
            if len(rejects.rows) == rejects.of
            else f", the first {numbers.count(len(rejects.rows))}"
        )
        self.query_one("#head", Static).update(
            Content.assemble(
                ("skipped rows", "bold"), (f" · {numbers.count(rejects.of)}{limit}", "dim")
            )
        )
        self.query_one("#table", RowList).show(
            [
                (
                    cell(numbers.count(row.line)),
                    cell(one_line(row.reason.replace("_", " ")), "strong"),
                    cell(one_line(row.detail)),
                    cell(one_line(row.source), "muted"),
                )
                for row in rejects.rows
            ],
            [str(place) for place in range(len(rejects.rows))],
        )
        self._read()

    @on(LineList.Moved, "#table")
    def _read(self) -> None:
        cursor = self.query_one("#table", RowList).cursor
        text = Content("")
        if cursor < len(self._rows):
            row = self._rows[cursor]
            meaning = row.meaning[:1].upper() + row.meaning[1:]
            text = Content.assemble(
                content(f"{one_line(meaning)}: "), content(one_line(row.excerpt), "dim")
            )
        self.query_one("#reading", Static).update(text)
