"""Base of all screens: the bars, and reloading when the results may have changed."""

from __future__ import annotations

from typing import ClassVar, Protocol, cast

from textual import work
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker

from engine.errors import Kind, SealError
from seal_tui.explorer.actions import Action
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.bars import KeyBar, LostLine, TopBar
from seal_tui.explorer.widgets.lines import LineList
from seal_tui.explorer.widgets.plot import Plot
from seal_tui.text import missing
from seal_tui.text.safe import Safe, content


class Explorer(Protocol):
    """The part of the application that screens use, mainly navigation."""

    def open_pairs(self, text: str, sort: str = "") -> object: ...
    def open_pair(self, pair_id: int) -> object: ...
    def open_rewrites(self, text: str) -> object: ...
    def open_imprint(self, feature: str) -> object: ...
    def keep_place(self) -> None: ...
    def in_background(self, worker: Worker[None] | None) -> None: ...


class SealScreen(Screen[None]):
    """A screen of the explorer. Subclasses define `body` and `load`."""

    TAB: ClassVar[str] = ""
    HELP: ClassVar[str] = ""
    NOT_YET: ClassVar[tuple[str, ...]] = ()
    """The lists and plots (by selector) that say in their place that they are not computed yet."""
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012
        (0, "-narrow"),
        (100, "-medium"),
        (120, "-wide"),
    ]

    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (36, "-tall")]  # noqa: RUF012

    def __init__(self, session: Session) -> None:
        super().__init__(id=self.TAB)
        self.session = session
        self._epoch = -1
        self._said = False

    @property
    def explorer(self) -> Explorer:
        return cast(Explorer, self.app)

    def body(self) -> ComposeResult:
        raise NotImplementedError

    async def load(self) -> None:
        """Fetch and show the results. Raises SealError."""
        raise NotImplementedError

    def catch_up(self) -> None:
        """Begin now what waits for a timer: the next key may depend on it."""

    def quietly(self, text: Safe) -> None:
        """Say in the last line why a key did nothing; the next key removes it."""
        if text or self._said:  # a held key does not walk through the whole screen
            self._said = bool(text)
            for bar in self.query(KeyBar):
                bar.say(text)

    def unbound(self, key: Safe, action: Action | None) -> Safe:
        """What to say of a key that does nothing here. `action` is what it does elsewhere, or
        under other circumstances."""
        what = f"{action.label} is not possible here" if action else "does nothing here"
        return Safe(f"{key}: {what}" if action else f"{key} {what}")

    def progressed(self) -> None:
        """Called when the status of the run has changed."""

    def tick(self) -> None:
        """Called every second while a run is on."""

    def follow_decisions(self) -> None:
        """Called after decisions elsewhere, and when the screen is shown again."""

    def trouble(self, error: SealError | None) -> None:
        """Show an error, or hide it (None)."""
        line = self.query_one("#trouble", Static)
        line.display = error is not None
        if error is None:
            return
        waiting = error.kind is Kind.NOT_READY
        message = str(error)
        line.update(content(message[:1].upper() + message[1:], "dim" if waiting else "$caution"))

    def missing(self) -> Safe:
        """Why there are no results."""
        return missing.results(self.session.status)

    def _say_missing(self, *, there: bool = False) -> None:
        """Say in the place of each part that its results are missing, or are `there`."""
        text = Safe("") if there else self.missing()
        for selector in self.NOT_YET:
            for part in self.query(selector):
                if isinstance(part, (LineList, Plot)):
                    part.wait_for(text)

    # ---------------------------------------------------------- the frame

    def compose(self) -> ComposeResult:
        yield TopBar(self.session, self.TAB)
        yield LostLine()
        yield Static(id="trouble", markup=False)
        yield from self.body()
        yield KeyBar(self.session)

    def on_mount(self) -> None:
        self.trouble(None)
        self._bars()
        self.reload()

    def on_screen_resume(self) -> None:
        self._bars()
        self.progressed()
        self.reload()
        self.follow_decisions()

    def engine_spoke(self) -> None:
        """Called after an event from the engine."""
        self._bars()
        self.progressed()
        first = self._epoch < 0
        loading = self.reload()
        if not first:  # keys apply to what is shown meanwhile
            self.explorer.in_background(loading)

    def _bars(self) -> None:
        self.query_one(TopBar).refresh()
        self.query_one(LostLine).show(self.session.lost, self.session.running)

    def on_descendant_focus(self) -> None:
        self.query_one(KeyBar).refresh()

    def on_descendant_blur(self) -> None:
        self.query_one(KeyBar).refresh()

    def reload(self) -> Worker[None] | None:
        """Load if the results may have changed."""
        if self.session.status is None or self._epoch == self.session.epoch:
            return None
        self._epoch = self.session.epoch
        return self._load()

    @work(exclusive=True, group="load", exit_on_error=True)
    async def _load(self) -> None:
        try:
            await self.session.load_study()
            await self.load()
        except SealError as error:
            not_ready = error.kind is Kind.NOT_READY
            # While a run is on, the parts of the screen say it themselves.
            self.trouble(None if not_ready and self.NOT_YET and self.session.running else error)
            if not_ready:
                self._say_missing()
        else:
            self._say_missing(there=True)
            self.trouble(None)
            self.query_one(KeyBar).refresh()
