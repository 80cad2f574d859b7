"""The export dialog: format, pairs and path, with a preview and progress."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, ProgressBar, Static

from engine.errors import SealError
from engine.wire.endpoints import (
    CANCEL_EXPORT,
    EXPORT,
    EXPORT_STATUS,
    PREVIEW_EXPORT,
)
from engine.wire.messages import ExportFormat, ExportPreview, ExportRequest, ExportStatus
from seal_tui.explorer.screens.closing import ClosesOnce
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.filter_bar import SafeInput
from seal_tui.text import numbers
from seal_tui.text.safe import content, one_line

_POLL_S = 0.2


class ExportScreen(ClosesOnce, ModalScreen[None]):
    """Choose a format and a path, see the counts, write."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", show=False),
        Binding("up", "format(-1)", "previous format", show=False),
        Binding("down", "format(1)", "next format", show=False),
        Binding("ctrl+t", "ties", "ties", show=False),
        Binding("ctrl+o", "overwrite", "overwrite", show=False),
        Binding("enter", "write", "write", show=False),
    ]

    def __init__(
        self,
        session: Session,
        formats: Sequence[ExportFormat],
        filter_text: str,
    ) -> None:
        super().__init__()
        self._session = session
        self._formats = formats
        self._filter = filter_text
        self._place = 0
        self._keep_ties = False
        self._overwrite = False
        self._writing = False

    def compose(self) -> ComposeResult:
        with Vertical(id="export"):
            yield Static(id="formats", markup=False)
            with Horizontal(classes="row"):
                yield Static("to", markup=False, classes="name")
                yield SafeInput(self._formats[0].default_path, compact=True, select_on_focus=False)
            yield Static(id="settings", markup=False)
            yield Static(id="counts", markup=False)
            yield ProgressBar(id="bar", show_eta=True)
            yield Static(id="outcome", markup=False)

    def on_mount(self) -> None:
        frame = self.query_one("#export")
        frame.border_title = "export"
        frame.border_subtitle = "↑↓ format · ^t ties · ^o overwrite · enter writes · esc cancels"
        self.query_one("#bar").display = False
        self._draw()
        self._preview()

    @property
    def _request(self) -> ExportRequest:
        return ExportRequest(
            format=self._form.name,
            path=self.query_one(SafeInput).value.strip(),
            filter=self._filter,
            ties="keep" if self._keep_ties else "drop",
            author=self._session.author,
            overwrite=self._overwrite,
        )

    @property
    def _form(self) -> ExportFormat:
        return self._formats[self._place]

    def _draw(self) -> None:
        lines = [
            Content.assemble(
                ("▸ " if place == self._place else "  ", "bold"),
                (f"{one_line(form.name):<22}", "bold" if place == self._place else ""),
                (one_line(form.description), "dim"),
            )
            for place, form in enumerate(self._formats)
        ]
        self.query_one("#formats", Static).update(Content("\n").join(lines))
        which = content(self._filter) if self._filter else Content("all")
        self.query_one("#settings", Static).update(
            Content.assemble(
                ("pairs       ", "dim"),
                which,
                "\n",
                ("ties        ", "dim"),
                "kept with the human preference" if self._keep_ties else "left out",
                "\n",
                ("existing    ", "dim"),
                "overwrite" if self._overwrite else "do not overwrite",
            )
        )

    @work(exclusive=True, group="preview", exit_on_error=False)
    async def _preview(self) -> None:
        try:
            preview = await self._session.client.ask(PREVIEW_EXPORT(self._request))
        except SealError as error:
            self._say(content(str(error), "$caution"), "#counts")
            return
        self._say(_counts(preview, rows=self._form.has_rows), "#counts")

    def _say(self, text: Content, where: str = "#outcome") -> None:
        self.query_one(where, Static).update(text)

    # ---------------------------------------------------------- choosing

    def action_format(self, by: int) -> None:
        field = self.query_one(SafeInput)
        default_path = self._form.default_path
        self._place = (self._place + by) % len(self._formats)
        # A typed path stays; the default path follows the format.
        if field.value == default_path:
            field.value = one_line(self._form.default_path)
            field.cursor_position = len(field.value)
        self._changed()

    def action_ties(self) -> None:
        self._keep_ties = not self._keep_ties
        self._changed()

    def action_overwrite(self) -> None:
        self._overwrite = not self._overwrite
        self._changed()

    def _changed(self) -> None:
        self._say(Content(""))
        self._draw()
        self._preview()

    # ---------------------------------------------------------- writing

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_write()

    def action_write(self) -> None:
        if not self._writing:
            self._write()

    @work(exclusive=True, group="write", exit_on_error=False)
    async def _write(self) -> None:
        self._writing = True
        try:
            status = await self._session.client.ask(EXPORT(self._request))
            self._show(status)
            while status.state == "running":
                await asyncio.sleep(_POLL_S)
                status = await self._session.client.ask(EXPORT_STATUS())
                self._show(status)
        except SealError as error:
            self._say(content(str(error), "$caution"))
        finally:
            self._writing = False

    def _show(self, status: ExportStatus) -> None:
        bar = self.query_one("#bar", ProgressBar)
        bar.display = status.state == "running"
        bar.update(total=max(1, status.total), progress=status.done)
        if status.state == "done":
            what = f"{numbers.many(status.done, 'row')} in " if self._form.has_rows else "written: "
            self._say(Content.styled(what + one_line(status.path), "bold"))
        elif status.state == "failed":
            self._say(content(status.error or "the export failed", "$caution"))
        elif status.state == "stopped":
            self._say(Content("stopped; nothing was written"))

    @work(exclusive=True, group="leave", exit_on_error=False)
    async def action_leave(self) -> None:
        """Close. A running export is cancelled instead, and the dialog shows the result."""
        if not self._writing:
            self.dismiss(None)
            return
        try:
            self._show(await self._session.client.ask(CANCEL_EXPORT()))
        except SealError as error:
            self._say(content(str(error), "$caution"))


def _counts(preview: ExportPreview, *, rows: bool) -> Content:
    counts = preview.counts
    parts = [f"{numbers.count(n)} {one_line(name)}" for name, n in counts.items() if n]
    again = counts.get("duplicates") or counts.get("contradictions")
    return Content.assemble(
        (f"{numbers.many(preview.rows, 'row')} of " if rows else "", "bold"),
        numbers.many(preview.pairs, "pair"),
        (f" · {' · '.join(parts)}" if parts else "", "dim"),
        ("\nduplicates and contradictions: is:duplicate finds them" if again else "", "dim"),
    )
