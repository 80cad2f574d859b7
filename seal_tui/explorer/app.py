"""The explorer: its screens, the worker that follows the engine, startup and shutdown."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import App
from textual.binding import BindingType
from textual.driver import Driver
from textual.events import Event
from textual.filter import Monochrome, NoColor
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.worker import Worker, WorkerFailed, get_current_worker

from engine.errors import SealError
from engine.wire.client import EngineClient
from engine.wire.endpoints import OUTSIDE, PLAN, START, STOP, STUDY, Call
from engine.wire.messages import (
    MarkEvent,
    PlanRequest,
    RunPlan,
    RunStatus,
    StartRequest,
    StopRequest,
)
from seal_tui import crash
from seal_tui.explorer import blind, key_names, place, settings
from seal_tui.explorer.actions import bindings
from seal_tui.explorer.input_queue import Host, InputQueue
from seal_tui.explorer.key_parser import TerminalDriver
from seal_tui.explorer.palette import ActionCommands, Palette
from seal_tui.explorer.screens.base import Explorer, SealScreen
from seal_tui.explorer.screens.dialogs import (
    ConfirmScreen,
    LookingScreen,
    TextScreen,
    help_text,
)
from seal_tui.explorer.screens.imprint import ImprintScreen
from seal_tui.explorer.screens.labelers import LabelersScreen
from seal_tui.explorer.screens.over import OverScreen
from seal_tui.explorer.screens.overview import OverviewScreen
from seal_tui.explorer.screens.pairs import AmbiguousScreen, ResistanceScreen
from seal_tui.explorer.screens.plots import PlotsScreen
from seal_tui.explorer.screens.robustness import RobustnessScreen
from seal_tui.explorer.session import NO_NEWS, Session
from seal_tui.explorer.themes import DEFAULT, FALLBACK, THEMES
from seal_tui.explorer.widgets.bars import refresh_keys
from seal_tui.text import numbers, planned, words
from seal_tui.text.safe import Safe, one_line, shell_word

_TERMINAL_CHECK_S = 3.0
_NEWS_S = 10.0
_TICK_S = 1.0
_SCREENS: tuple[type[SealScreen], ...] = (
    OverviewScreen,
    ImprintScreen,
    ResistanceScreen,
    AmbiguousScreen,
    RobustnessScreen,
    LabelersScreen,
    PlotsScreen,
)


class SealApp(App[None]):
    """Shows the run of one engine. All state is in `session`."""

    TITLE = "SEAL"
    CSS_PATH: ClassVar[list[str | Path]] = [  # type: ignore[assignment]
        Path("styles") / f"{name}.tcss"
        for name in ("app", "overview", "imprint", "browse", "plots")
    ]
    DEFAULT_MODE = "overview"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    COMMANDS: ClassVar[set[type[ActionCommands]]] = {ActionCommands}  # type: ignore[assignment]

    def __init__(self, client: EngineClient, own: settings.Settings | None = None) -> None:
        super().__init__()
        own = own or settings.Settings()
        self.session = Session(client, own.signature)
        self.input_queue = InputQueue(self, self)
        self.set_keymap(own.own_keys)
        self.animation_level = "none"
        for theme in THEMES:
            self.register_theme(theme)
        if self.no_color:
            # Textual would map the terminal's own colours to black on black.
            self._filters = [
                NoColor() if isinstance(line_filter, Monochrome) else line_filter
                for line_filter in self._filters
            ]
        self.theme = own.theme or os.environ.get("TEXTUAL_THEME") or DEFAULT
        for kind in _SCREENS:
            self.add_mode(kind.TAB, self._producer(kind))
        self.farewell = Safe("")
        self._forget_news: Timer | None = None
        self._catching_up = False
        self._ticking: Timer | None = None

    def _producer(self, kind: type[SealScreen]) -> Callable[[], SealScreen]:
        return lambda: kind(self.session)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(FALLBACK)

    # ---------------------------------------------------------- keys, one after the other

    def get_driver_class(self) -> type[Driver]:
        return TerminalDriver

    async def on_event(self, event: Event) -> None:
        if not self.input_queue.holds(event):
            await super().on_event(event)

    async def push_screen_wait(self, screen: Any, *, mode: str | None = None) -> Any:
        self.input_queue.asks(get_current_worker(), screen)
        return await super().push_screen_wait(screen, mode=mode)

    def connecting(self) -> bool:
        return self.session.status is None and self.session.lost is None

    def catch_up(self) -> None:
        if isinstance(self.screen, SealScreen):
            self.screen.catch_up()

    def input_dropped(self, count: int) -> None:
        keys = numbers.many(count, "key was", "keys were")
        self.notify(f"The engine does not answer; {keys} ignored", markup=False)

    def in_background(self, worker: Worker[None] | None) -> None:
        self.input_queue.background(worker)

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        """Run the action of a key. One that has none here is said to, in the last line."""
        screen = self.screen
        if not isinstance(screen, SealScreen):
            return await super()._check_bindings(key, priority)
        if priority:
            screen.quietly(Safe(""))
        done = await super()._check_bindings(key, priority)
        if not done and not priority:
            screen.quietly(screen.unbound(key_names.show(key), self.input_queue.action(key)))
        return done

    # ---------------------------------------------------------- the engine

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Textual leaves these to Python, which would not restore the terminal.
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._leave_on, number)
        if not self.is_headless:
            # Under nohup no signal arrives when the terminal closes, and Textual would read its
            # end of file in a loop.
            self.set_interval(_TERMINAL_CHECK_S, self._leave_dead_terminal)
        self._follow()

    def _leave_on(self, number: signal.Signals) -> None:
        self.keep_place()
        self.exit(return_code=128 + number)

    def _leave_dead_terminal(self) -> None:
        poller = select.poll()
        poller.register(0, 0)
        if poller.poll(0):
            self._leave_on(signal.SIGHUP)

    @work(group="engine", exit_on_error=True)
    async def _follow(self) -> None:
        try:
            async for event in self.session.client.events():
                if self.session.status is None and isinstance(event, RunStatus):
                    await self._return(event)
                self.session.note(event)
                self._keep_time()
                if self.session.behind:
                    self._follow_decisions()
                for screen in self.screen_stack:
                    if isinstance(screen, SealScreen) and screen.is_mounted:
                        screen.engine_spoke()
        finally:
            await self.session.client.close()

    def _keep_time(self) -> None:
        """Tick while a run is on, and only then: an idle explorer writes nothing."""
        on = self.session.running and self.session.lost is None
        if on and self._ticking is None:
            self._ticking = self.set_interval(_TICK_S, self.tick)
        elif not on and self._ticking is not None:
            self._ticking.stop()
            self._ticking = None

    def tick(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, SealScreen) and screen.is_mounted:
                screen.tick()

    @work(group="news", exit_on_error=True)
    async def _follow_decisions(self) -> None:
        """Show what others decided."""
        if self._catching_up:
            return
        self._catching_up = True
        try:
            while self.session.behind:
                self._tell(await self.session.decided_elsewhere())
        except SealError:
            pass  # the next event of the engine tries again
        finally:
            self._catching_up = False

    def _tell(self, events: Sequence[MarkEvent]) -> None:
        if not events:
            return
        self._say(words.news(events, self.session.author))
        for screen in self.screen_stack:
            if isinstance(screen, SealScreen) and screen.is_mounted:
                screen.follow_decisions()

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """What was done is said among the keys, where it covers no number. An error has to be
        read: it stays over the screen for a while. `message` is safe, and never markup."""
        if severity == "information" and isinstance(self.screen, SealScreen):
            self._say(Safe(message))
            return
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    def _say(self, news: Safe) -> None:
        """Show a line among the keys, for a while."""
        self.session.news = news
        if self._forget_news is not None:
            self._forget_news.stop()
        self._forget_news = self.set_timer(_NEWS_S, lambda: self._say(NO_NEWS)) if news else None
        for screen in self.screen_stack:
            refresh_keys(screen)

    # ---------------------------------------------------------- the last place

    async def _return(self, status: RunStatus) -> None:
        """Go to the pane that was open when this run was last closed."""
        self.session.return_to(place.load(status.run_dir))
        pane = self.session.place.pane
        if self.session.blind and pane not in blind.PANES:
            pane = blind.PANES[0]
        if pane in (kind.TAB for kind in _SCREENS) and self.current_mode == self.DEFAULT_MODE:
            await self.switch_mode(pane)

    def keep_place(self) -> None:
        """Called when a view changes, and at exit."""
        if self.session.status is not None:
            place.keep(self.session.status.run_dir, self.session.where(self.current_mode))

    # ---------------------------------------------------------- from screen to screen

    def _keeps_closed(self, tab: str) -> bool:
        """Whether blind mode keeps a pane closed, which is said."""
        closed = self.session.blind and tab not in blind.PANES
        if closed:
            self.notify(f"{tab} is {blind.CLOSED}", markup=False)
        return closed

    async def action_show(self, tab: str) -> None:
        if self._keeps_closed(tab):
            return
        if tab == self.current_mode:
            while isinstance(self.screen, OverScreen):
                await self.pop_screen()
        await self.switch_mode(tab)

    async def _screen(self, kind: type[SealScreen]) -> SealScreen | None:
        """The screen of this kind, now shown; None if it is closed."""
        if self._keeps_closed(kind.TAB):
            return None
        await self.switch_mode(kind.TAB)
        screen = self.screen
        assert isinstance(screen, kind)
        return screen

    @work(group="navigate", exclusive=True)
    async def open_pairs(self, text: str, sort: str = "") -> None:
        """Show the resistance screen with a filter, in this order or the current one."""
        screen = await self._screen(ResistanceScreen)
        if isinstance(screen, ResistanceScreen):
            screen.filter_by(text, sort=sort)

    @work(group="navigate", exclusive=True)
    async def open_pair(self, pair_id: int) -> None:
        """Show one pair in full on the resistance screen."""
        screen = await self._screen(ResistanceScreen)
        if isinstance(screen, ResistanceScreen):
            screen.open_row(pair_id)

    @work(group="navigate", exclusive=True)
    async def open_rewrites(self, text: str) -> None:
        """Show the robustness screen with a filter."""
        screen = await self._screen(RobustnessScreen)
        if isinstance(screen, RobustnessScreen):
            screen.filter_by(text)

    @work(group="navigate", exclusive=True)
    async def open_imprint(self, feature: str) -> None:
        """Show the imprint screen with the cursor on a feature."""
        screen = await self._screen(ImprintScreen)
        if isinstance(screen, ImprintScreen):
            screen.go_to(feature)

    # ---------------------------------------------------------- actions

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, ModalScreen):
            self.push_screen(Palette(id="--command-palette"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "start_run":
            status = self.session.status
            over = ("idle", "failed", "stopped", *(("done",) if self.session.changed else ()))
            return status is not None and status.state in over
        if action == "stop_run":
            return self.session.running
        return True

    def action_explain(self) -> None:
        if not isinstance(self.screen, ModalScreen):
            self.push_screen(TextScreen(Safe("help"), help_text(self.screen)))

    @work(group="command", exclusive=True)
    async def action_start_run(self) -> None:
        """Ask before a run of a study that somebody else wrote, and before one that computes
        existing results anew."""
        ask = self.session.client.ask
        seen = ""
        try:
            outside = await ask(OUTSIDE())
            if not outside.seen:
                if not await self.push_screen_wait(ConfirmScreen(planned.outside(outside))):
                    return
                seen = outside.digest
            changed = (await ask(STUDY())).changed
        except SealError as error:
            self.notify(one_line(str(error)), severity="error", markup=False)
            return
        if not changed or await self._changed_study_confirmed(seen):
            self._command(START(StartRequest(seen=seen)))

    async def _changed_study_confirmed(self, seen: str) -> bool:
        """Show what a run would recompute. Nothing is asked if that is nothing."""

        async def look() -> RunPlan:
            return await self.session.client.ask(PLAN(PlanRequest(seen=seen)))

        what = Safe("The study has changed. Looking ahead: which results can be reused …")
        plan = await self.push_screen_wait(LookingScreen(what, look))
        if plan is None:
            return False
        if not planned.made_otherwise(plan):
            return True
        words = "\n".join(planned.lines(plan))
        question = Safe(f"{words}\n\nEarlier results are kept. Run the changed study?")
        return bool(await self.push_screen_wait(ConfirmScreen(question)))

    @work(group="command")
    async def action_stop_run(self) -> None:
        status = self.session.status
        now = status is not None and status.stopping
        question = Safe(
            "The run is finishing its current batch. Discard the batch and stop now?"
            if now
            else "Stop the run? Finished batches are kept; R resumes it later."
        )
        if await self.push_screen_wait(ConfirmScreen(question, ahead=True)):
            self._command(STOP(StopRequest(now=now)))

    @work(group="command")
    async def _command(self, call: Call[RunStatus]) -> None:
        try:
            await self.session.client.ask(call)
        except SealError as error:
            self.notify(one_line(str(error)), severity="error", markup=False)

    def action_leave(self) -> None:
        status = self.session.status
        if status is not None and status.state == "running":
            folder = shell_word(status.run_dir)
            self.farewell = Safe(
                f"The run continues in the background (process {status.pid}).\n"
                f"  seal-tui open {folder}   reconnects\n"
                f"  seal-tui stop {folder}   stops it"
            )
        self.keep_place()
        self.exit()

    # ---------------------------------------------------------- crashes

    def _handle_exception(self, error: Exception) -> None:
        """Exit with an error code and one line. Textual would print local variables, and with
        them dataset texts; the traceback goes to a private file instead, without them."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        cause = error.error if isinstance(error, WorkerFailed) else error
        where = crash.log(cause)
        message = f"seal-tui failed: {type(cause).__name__}. The traceback is in {where}"
        self._exit_renderables.append(Text(message, no_wrap=True, overflow="ignore"))
        self._close_messages_no_wait()


def run_explorer(engine: EngineClient | Path | Callable[[], Path], instead: str = "") -> int:
    """Runs the explorer on this terminal and returns the exit code. Without a terminal it says
    what to do `instead`.

    `engine` is a client, a socket, or a function that returns the socket; it is called again
    when the connection is lost. Raises `BadInput` for an invalid settings file.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        print(f"seal-tui: the explorer needs a terminal. {instead}".strip(), file=sys.stderr)
        return 2
    own = settings.load()
    client = engine if isinstance(engine, EngineClient) else EngineClient.at(engine)
    app = SealApp(client, own)
    # A full garbage collection takes 60 ms, which is noticeable during a key press. What is
    # loaded by now stays until the end; the rest is collected less often.
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    app.run(mouse=own.mouse)
    if app.farewell:
        print(app.farewell)
    return app.return_code or 0


if TYPE_CHECKING:

    def _is_what_screens_ask_for(app: SealApp) -> Explorer:
        return app

    def _is_what_the_queue_asks_for(app: SealApp) -> Host:
        return app
