"""What opens over a screen: help about the focused pane, and a question with yes or no."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from seal_tui.actions import BY_ID, Action
from seal_tui.text import Safe, fit
from seal_tui.widgets.detail import Body


class HelpScreen(ModalScreen[None]):
    """A text to read over the screen: help about the focused pane, all warnings, a record."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss(None)", "close", show=False)
    ]

    def __init__(self, text: Content, title: str = "help") -> None:
        super().__init__()
        self._text = text
        self._heading = title

    def compose(self) -> ComposeResult:
        with Body(id="help"):
            yield Static(self._text, markup=False)

    def on_mount(self) -> None:
        help_pane = self.query_one("#help", Body)
        help_pane.border_title = self._heading
        help_pane.border_subtitle = "esc closes"
        help_pane.focus()


class ConfirmScreen(ModalScreen[bool]):
    """A question; y or enter is yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "yes", show=False),
        Binding("n,escape,q", "dismiss(False)", "no", show=False),
    ]

    def __init__(self, question: Safe) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm"):
            yield Static(
                Content.assemble(
                    self._question, "\n\n", ("y", "bold"), " yes   ", ("n", "bold"), " no"
                ),
                markup=False,
            )


def help_text(screen: Screen[Any]) -> Content:
    """Help about what is focused on `screen`, its keys read from the one table of actions."""
    parts: list[Content] = []
    focused = screen.focused
    for node in focused.ancestors_with_self if focused is not None else (screen,):
        if explain := getattr(node, "explain", None):
            parts.append(Content.styled(explain(), "bold"))
        meaning: str = getattr(node, "meaning", "") or getattr(node, "HELP", "") or ""
        if meaning:
            parts.append(Content(meaning))
    parts.append(_keys(screen))
    return Content("\n\n").join(parts)


def _keys(screen: Screen[Any]) -> Content:
    found: list[Action] = []
    for active in screen.active_bindings.values():
        action = BY_ID.get(active.binding.id or "")
        if action is not None and active.enabled and action not in found:
            found.append(action)
    lines = [Content.styled("Keys", "bold")]
    lines += [
        Content.assemble(
            (fit(Safe(action.display), 9), "bold"),
            fit(Safe(action.label), 17),
            (action.help, "dim"),
        )
        for action in found
    ]
    lines.append(Content.assemble((fit(Safe("tab"), 9), "bold"), "to the next pane"))
    return Content("\n").join(lines)
