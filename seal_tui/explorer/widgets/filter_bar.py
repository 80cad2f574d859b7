"""The line above a list: its summary, and an input for a filter with completion."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from engine.errors import SealError
from engine.wire.messages import Completion
from seal_tui.text.safe import Safe, content, fit, one_line, plain

Complete = Callable[[str, int], Awaitable[Sequence[Completion]]]
_MAX_COMPLETIONS = 7
_NAME = 24
_LEAST_FILTER = 16
_LEAST_ASIDE = 8


class SafeInput(Input):
    """An input that never contains control characters, whether typed, pasted or set."""

    def validate_value(self, value: str) -> str:
        return plain(value.replace("\n", " "))


class Summary(Widget):
    """The filter and what it selects, on one line. A long filter is cut before its counts are, and
    both only after what stands aside."""

    def __init__(self) -> None:
        super().__init__(classes="summary")
        self._filter = self._counts = self._aside = Content("")

    def show(self, filter_text: Content, counts: Content) -> None:
        self._filter, self._counts, self._aside = filter_text, counts, Content("")
        self.refresh()

    def add(self, aside: Content) -> None:
        self._aside = Content.assemble((" · ", "dim"), aside)
        self.refresh()

    def render(self) -> Content:
        width = self.size.width
        room = max(_LEAST_FILTER, width - self._counts.cell_length - 2)
        shown = self._filter.truncate(room, ellipsis=True)
        gap = "  " if shown and self._counts else ""
        line = Content.assemble(shown, gap, self._counts).truncate(width, ellipsis=True)
        left = width - line.cell_length
        return line if left <= _LEAST_ASIDE else line + self._aside.truncate(left, ellipsis=True)


class FilterBar(Vertical):
    """A summary of the list; `/` turns it into an input with completion."""

    class Asked(Message):
        """A filter was entered."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """The input was closed without a filter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "back", show=False),
        Binding("tab", "take", "complete", show=False, priority=True),
        Binding("down", "choose(1)", show=False),
        Binding("up", "choose(-1)", show=False),
    ]

    def __init__(self, complete: Complete, id: str | None = None) -> None:
        super().__init__(id=id)
        self._complete = complete
        self._completions: Sequence[Completion] = ()
        self._chosen = 0

    def compose(self) -> ComposeResult:
        yield Summary()
        with Horizontal(classes="asking"):
            yield Static(Content.styled("filter ", "bold"), markup=False, classes="prompt")
            yield SafeInput(compact=True, select_on_focus=False)
        yield Static(markup=False, classes="hint")

    def on_mount(self) -> None:
        self._asking(False)

    @property
    def asking(self) -> bool:
        return self.has_class("-asking")

    @property
    def field(self) -> SafeInput:
        return self.query_one(SafeInput)

    def _asking(self, asking: bool) -> None:
        self.set_class(asking, "-asking")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.asking or action not in ("take", "choose", "close")

    def say(self, filter_text: Content, counts: Content) -> None:
        """Set the summary of the list: its filter, and how many rows in which order."""
        self.query_one(Summary).show(filter_text, counts)

    def add(self, aside: Content) -> None:
        """Append to the counts."""
        self.query_one(Summary).add(aside)

    def ask(self, text: str) -> None:
        """Open the input with the current filter."""
        self._asking(True)
        field = self.field
        field.value = f"{text} " if text else ""
        field.cursor_position = len(field.value)
        self.screen.set_focus(field)  # at once: `focus()` would send the next keys to the list
        self._look_up()

    def close(self) -> None:
        self._asking(False)

    def refuse(self, reason: str, start: int | None = None, end: int | None = None) -> None:
        """Show why a filter is invalid, and mark the position."""
        self.workers.cancel_group(self, "complete")  # a late answer would overwrite the reason
        lines = [content(reason, "$caution")]
        if start is not None:
            wide = max(1, (end or start) - start)
            # The input scrolls horizontally, and the mark with it.
            indent = len("filter ") + start - int(self.field.scroll_offset.x)
            if indent >= 0:
                lines.insert(0, Content.styled(f"{' ' * indent}{'^' * wide}", "$caution"))
        self._hint(Content("\n").join(lines))

    def _hint(self, text: Content) -> None:
        self.query_one(".hint", Static).update(text)

    # ---------------------------------------------------------- completion

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.asking:
            self._look_up()

    @work(exclusive=True, group="complete", exit_on_error=False)
    async def _look_up(self) -> None:
        field = self.field
        try:
            self._completions = await self._complete(field.value, field.cursor_position)
        except SealError:
            self._completions = ()  # applying the filter will show the error
        self._chosen = 0
        self._show_completions()

    def _show_completions(self) -> None:
        lines = [
            Content.assemble(
                ("▸ " if place == self._chosen else "  ", "bold"),
                (fit(one_line(completion.text), _NAME), "bold" if place == self._chosen else ""),
                " ",
                content(one_line(completion.detail), "dim"),
            )
            for place, completion in enumerate(self._completions[:_MAX_COMPLETIONS])
        ]
        more = len(self._completions) - _MAX_COMPLETIONS
        rest = f"{more} more · " if more > 0 else ""
        keys = "tab completes, ↑↓ select · " if lines else ""
        lines.append(Content.styled(f"  {rest}{keys}enter applies, esc cancels", "dim"))
        self._hint(Content("\n").join(lines))

    def action_choose(self, by: int) -> None:
        if self._completions:
            self._chosen = (self._chosen + by) % min(len(self._completions), _MAX_COMPLETIONS)
            self._show_completions()

    def action_take(self) -> None:
        """Insert the selected completion."""
        if not self._completions:
            return
        completion, field = self._completions[self._chosen], self.field
        text = Safe(plain(completion.text))
        field.value = field.value[: completion.start] + text + field.value[completion.end :]
        field.cursor_position = completion.start + len(text)

    # ---------------------------------------------------------- enter and escape

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Asked(event.value.strip()))

    def action_close(self) -> None:
        self.close()
        self.post_message(self.Closed())
