"""Dialogs with a field. They close when their text is saved; until then it is not lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Paste
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from seal_tui.explorer.screens.closing import ClosesOnce
from seal_tui.explorer.widgets.filter_bar import SafeInput
from seal_tui.text.safe import Safe, content, plain

Save = Callable[[str], Awaitable[str | None]]
"""Saves a text; the reason if it cannot be saved."""


class _FieldScreen(ClosesOnce, ModalScreen[None]):
    """`before` is the text to edit. A refused text stays in the field, with the reason below it."""

    KEYS: ClassVar[str]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave", show=False)]

    def __init__(self, title: Safe, save: Save, before: str = "") -> None:
        super().__init__()
        self._heading = title
        self._save_text = save
        self._before = before

    def field(self) -> Widget:
        raise NotImplementedError

    @property
    def text(self) -> str:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(id="prompt"):
            yield self.field()
            yield Static(id="reason", markup=False)

    def on_mount(self) -> None:
        frame = self.query_one("#prompt")
        frame.border_title = self._heading
        frame.border_subtitle = self.KEYS
        self.say("")

    def say(self, reason: str) -> None:
        line = self.query_one("#reason", Static)
        line.display = bool(reason)
        line.update(content(reason, "$caution"))

    def action_leave(self) -> None:
        self.dismiss(None)

    @work(group="save", exclusive=True)
    async def action_save(self) -> None:
        reason = await self._save_text(self.text.strip())
        if reason is None:
            self.dismiss(None)
        else:
            self.say(reason)


class PromptScreen(_FieldScreen):
    """One line; enter saves it."""

    KEYS = "enter saves, esc cancels"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "save", "save", show=False)]

    def field(self) -> Widget:
        return SafeInput(self._before, compact=True, select_on_focus=False)

    @property
    def text(self) -> str:
        return self.query_one(SafeInput).value

    def on_input_changed(self) -> None:
        self.say("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()


class _SafeArea(TextArea):
    """A text area that takes pasted text without control characters."""

    async def _on_paste(self, event: Paste) -> None:
        # Textual then calls the handler of the base class.
        event.text = plain(event.text.replace("\r\n", "\n").replace("\r", "\n"))


class NoteScreen(_FieldScreen):
    """Several lines. Enter begins a new line, as in a pasted text, so ctrl+s saves."""

    KEYS = "ctrl+s saves, enter begins a new line, esc cancels"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", show=False, priority=True)
    ]

    def __init__(self, title: Safe, save: Save, before: str = "") -> None:
        super().__init__(title, save, before)
        self._warned = False

    def field(self) -> Widget:
        area = _SafeArea(plain(self._before), compact=True, soft_wrap=True)
        area.move_cursor(area.document.end)
        return area

    @property
    def text(self) -> str:
        return self.query_one(TextArea).text

    def on_text_area_changed(self) -> None:
        self._warned = False
        self.say("")

    def action_leave(self) -> None:
        """A changed note is discarded at the second escape."""
        if self._warned or self.text.strip() == self._before.strip():
            super().action_leave()
        else:
            self._warned = True
            self.say("The note has changed. ctrl+s saves it, esc again discards the changes.")
