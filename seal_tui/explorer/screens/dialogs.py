"""Dialogs: a text (such as the help), a question, an input, a choice."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, ClassVar, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen, Screen
from textual.widgets import OptionList, Static

from engine.errors import SealError
from seal_tui.explorer.actions import BY_ID, Action
from seal_tui.explorer.screens.closing import ClosesOnce
from seal_tui.explorer.widgets.detail import Body
from seal_tui.text.safe import Safe, fit, one_line

Found = TypeVar("Found")

_SCROLLED = 12  # a question of more lines can be scrolled


class TextScreen(ClosesOnce, ModalScreen[None]):
    """Shows a text, such as help, warnings or a record."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss(None)", "close", show=False)
    ]

    def __init__(self, title: Safe, text: Content) -> None:
        super().__init__()
        self._heading = title
        self._text = Static(text, markup=False)

    def compose(self) -> ComposeResult:
        with Body(id="help"):
            yield self._text

    def renew(self, text: Content) -> None:
        """Show this text instead, at the same place."""
        self._text.update(text)

    def on_mount(self) -> None:
        pane = self.query_one("#help", Body)
        pane.border_title = self._heading
        pane.border_subtitle = "esc closes"
        pane.focus()


class ConfirmScreen(ClosesOnce, ModalScreen[bool]):
    """A question; y or enter is yes.

    A key that was pressed before the question was on the screen is no answer. Only a question that
    opens at the key press itself, without asking the engine, takes keys that were typed `ahead`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "yes", show=False),
        Binding("n,escape,q", "dismiss(False)", "no", show=False),
    ]

    def __init__(self, question: Safe, *, ahead: bool = False) -> None:
        super().__init__()
        self._question = question
        self._answered_from = -math.inf if ahead else math.inf

    def compose(self) -> ComposeResult:
        with (Body if self._question.count("\n") > _SCROLLED else Vertical)(id="confirm"):
            yield Static(
                Content.assemble(
                    self._question, "\n\n", ("y", "bold"), " yes   ", ("n", "bold"), " no"
                ),
                markup=False,
            )

    def on_mount(self) -> None:
        self.query_one("#confirm Static", Static).call_after_refresh(self._drawn)

    def _drawn(self) -> None:
        if self._answered_from == math.inf:
            self._answered_from = monotonic()

    def on_key(self, event: Key) -> None:
        if event.time < self._answered_from:
            event.stop()  # before the app looks for its action


class LookingScreen(ClosesOnce, ModalScreen[Found | None]):
    """Opens at once, says what is looked up, and returns what `find` finds. None after an error,
    which is shown, or if the user gives up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n,q", "dismiss(None)", "give up", show=False)
    ]

    def __init__(self, what: Safe, find: Callable[[], Awaitable[Found]]) -> None:
        super().__init__()
        self._what = what
        self._find = find

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm"):
            yield Static(
                Content.assemble(self._what, "\n\n", ("esc", "bold"), " cancels"), markup=False
            )

    def on_mount(self) -> None:
        self._look()

    @work(group="look")
    async def _look(self) -> None:
        try:
            self.dismiss(await self._find())
        except SealError as error:
            self.app.notify(one_line(str(error)), severity="error", markup=False)
            self.dismiss(None)


class ChoiceScreen(ClosesOnce, ModalScreen[str | None]):
    """A list to choose one line from; escape returns None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "leave", show=False),
        Binding("j", "move('down')", show=False),
        Binding("k", "move('up')", show=False),
    ]

    def __init__(self, title: Safe, lines: Sequence[tuple[str, Content]]) -> None:
        super().__init__()
        self._heading = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        with Vertical(id="choice"):
            yield OptionList(*(line for _, line in self._lines), compact=True, markup=False)

    def on_mount(self) -> None:
        frame = self.query_one("#choice")
        frame.border_title = self._heading
        frame.border_subtitle = "enter selects, esc cancels"

    def action_move(self, way: str) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if way == "down" else options.action_cursor_up()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._lines[event.option_index][0])


def help_text(screen: Screen[Any]) -> Content:
    """Help for the focused widget of `screen`, with its keys."""
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
    bound: dict[Action, Binding] = {}
    for active in screen.active_bindings.values():
        action = BY_ID.get(active.binding.id or "")
        if action is not None and active.enabled:
            bound.setdefault(action, active.binding)
    lines = [Content.styled("Keys", "bold")]
    lines += [
        Content.assemble(
            (fit(Safe(action.display(binding)), 9), "bold"),
            fit(Safe(action.label), 17),
            (action.help, "dim"),
        )
        for action, binding in bound.items()
    ]
    lines.append(Content.assemble((fit(Safe("tab"), 9), "bold"), "go to the next pane"))
    return Content("\n").join(lines)
