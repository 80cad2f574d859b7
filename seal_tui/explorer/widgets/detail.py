"""The frame of a detail pane: two fixed lines at the top, the rest scrolls."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from seal_tui.text.safe import Safe


class Body(VerticalScroll):
    """The scrolling part. It has the focus and also accepts vi keys."""

    HELP = "Scroll with the arrow keys, j and k, page up and page down."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("ctrl+u", "page_up", show=False),
        Binding("ctrl+d", "page_down", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]


class Detail(Vertical):
    """Base of the pair view and the rewrite view."""

    TITLES: ClassVar[tuple[Safe, Safe]] = (Safe(""), Safe(""))

    def compose(self) -> ComposeResult:
        yield Static(classes="facts", markup=False)
        with Body():
            yield Static(classes="marks", markup=False)
            yield Static(classes="context", markup=False)
            with Container(classes="sides"):
                for name, title in zip(("left", "right"), self.TITLES, strict=True):
                    side = Static(classes=f"side {name}", markup=False)
                    side.border_title = title
                    yield side
            yield Static(classes="rewards", markup=False)
            yield Static(classes="labels", markup=False)
            yield Static(classes="source", markup=False)

    def put(self, part: str, text: Content) -> None:
        """Fill one part: facts, marks, context, left, right, rewards, labels or source."""
        self.query_one(f".{part}", Static).update(text)

    def title_sides(self, left: Safe, right: Safe) -> None:
        self.query_one(".left").border_title = left
        self.query_one(".right").border_title = right

    def clear(self, why: Content) -> None:
        """Show only one line."""
        self.put("facts", why)
        self.query_one(Body).display = False

    def opened(self, *, to_top: bool) -> None:
        body = self.query_one(Body)
        body.display = True
        if to_top:
            body.scroll_home(animate=False)
