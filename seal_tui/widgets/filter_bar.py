"""The line above a list: what is shown, and the place to type a filter."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from seal_tui.text import content, plain


class SafeInput(Input):
    """An input that never holds a control character, whether typed, pasted or set by us."""

    def validate_value(self, value: str) -> str:
        return plain(value.replace("\n", " "))


class FilterBar(Vertical):
    """One line of words about the list; `/` turns it into an input."""

    class Asked(Message):
        """A filter was entered."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """The input was left without a filter."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "back", show=False)]

    def __init__(self, terms: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self._terms = terms

    def compose(self) -> ComposeResult:
        yield Static(markup=False, classes="summary")
        with Horizontal(classes="asking"):
            yield Static(Content.styled("filter ", "bold"), markup=False, classes="prompt")
            yield SafeInput(compact=True, select_on_focus=False)
        yield Static(markup=False, classes="hint")

    def on_mount(self) -> None:
        self._asking(False)

    @property
    def asking(self) -> bool:
        return self.has_class("-asking")

    def _asking(self, asking: bool) -> None:
        self.set_class(asking, "-asking")

    def say(self, summary: Content) -> None:
        """The line about the list."""
        self.query_one(".summary", Static).update(summary)

    def ask(self, text: str) -> None:
        """Opens the input with the filter that is on."""
        self._asking(True)
        self.refuse("")
        field = self.query_one(SafeInput)
        field.value = f"{text} " if text else ""
        field.cursor_position = len(field.value)
        field.focus()

    def refuse(self, reason: str) -> None:
        """Says why a filter was not understood; "" shows what may be typed."""
        terms = f"{self._terms}  (enter applies, esc leaves)"
        hint = content(reason, "$caution") if reason else content(terms, "dim")
        self.query_one(".hint", Static).update(hint)

    def close(self) -> None:
        self._asking(False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Asked(event.value.strip()))

    def action_close(self) -> None:
        self.close()
        self.post_message(self.Closed())
