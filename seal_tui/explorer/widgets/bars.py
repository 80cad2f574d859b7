"""The first and last line of every screen, and the line shown when the engine is lost."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from engine.wire.client import Lost
from engine.wire.messages import RunStatus
from seal_tui.explorer.actions import ACTIONS
from seal_tui.explorer.session import Session
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, content, fit, one_line

TABS: tuple[tuple[str, str, str], ...] = (
    ("1", "overview", "overview"),
    ("2", "imprint", "imprint"),
    ("3", "resistance", "resistance"),
    ("4", "ambiguous", "ambiguous"),
    ("5", "robustness", "robustness"),
    ("6", "labelers", "labelers"),
    ("7", "plots", "plots"),
)


_LEAST_LABEL = 8


def run_line(status: RunStatus | None, width: int = 999) -> Safe:
    """The state of the run in a few words; the label of a stage is cut to fit `width`."""
    if status is None:
        return Safe("connecting…")
    if status.state != "running":
        took = f" {numbers.duration(status.elapsed_s)}" if status.elapsed_s else ""
        return Safe(f"run {words.RUN_STATE[status.state]}{took}")
    if status.stopping:
        return Safe("stopping after this batch")
    stage = next((stage for stage in status.stages if stage.state == "running"), None)
    if stage is None:
        return Safe("running")
    share = numbers.percent(stage.done / stage.total, 0) if stage.total else Safe("")
    label, room = one_line(stage.label), width - len(share) - 1
    if cell_len(label) > room:
        label = fit(label, max(room, _LEAST_LABEL))
    return Safe(f"{label} {share}".strip())


class TopBar(Widget):
    """The tabs and the state of the run."""

    def __init__(self, session: Session, tab: str) -> None:
        super().__init__()
        self._session = session
        self._tab = tab

    def render(self) -> Content:
        width = self.size.width
        status = self._session.status
        quiet = self._session.lost is None and status is not None and status.state == "done"
        # On a narrow terminal the names of the tabs matter more than the state of a finished run.
        for left in (self._tabs(" "), self._tabs("")):
            right = self._state(width - left.cell_length - 2)
            if left.cell_length + right.cell_length < width:
                return _apart(left, right, width)
        if quiet and left.cell_length <= width:
            return left
        left = self._numbers()
        room = max(0, width - left.cell_length - 1)
        return _apart(left, self._state(room - 1).truncate(room), width)

    def _state(self, room: int) -> Content:
        lost = self._session.lost
        if lost is not None:
            gone = "waiting for the engine " if lost.silent else "engine lost "
            return Content.styled(gone, "bold $caution")
        return Content.styled(run_line(self._session.status, room) + " ", "dim")

    def _tabs(self, pad: str) -> Content:
        """All tabs with their names; the current one is marked."""
        tabs = [
            Content.styled(f"{pad}{key} {label}{pad}", "reverse bold" if name == self._tab else "")
            for key, name, label in TABS
        ]
        return Content.styled(" SEAL  " if pad else "", "bold") + Content(" ").join(tabs)

    def _numbers(self) -> Content:
        """The name of the current tab, and only the keys of the others."""
        tabs = [
            (f" {key} {label} ", "reverse bold") if name == self._tab else f" {key}"
            for key, name, label in TABS
        ]
        return Content.assemble(*tabs)


def _apart(left: Content, right: Content, width: int) -> Content:
    return left + Content(" " * max(0, width - left.cell_length - right.cell_length)) + right


class LostLine(Widget):
    """Shown while the engine cannot be reached."""

    def show(self, lost: Lost | None, run_was_on: bool) -> None:
        self.display = lost is not None
        self._lost = lost
        self._run_was_on = run_was_on
        self.refresh()

    _lost: Lost | None = None
    _run_was_on = False

    def render(self) -> Content:
        reason = self._lost.reason if self._lost is not None else ""
        tail = " The run may still be in progress." if self._run_was_on else ""
        waits = self._lost is not None and self._lost.silent
        what = "waiting for it." if waits else "reconnecting."
        line = Content.assemble(
            (f" The engine does not respond; {what}", "bold"),
            tail,
            " ",
            content(f"({reason})", "dim"),
        )
        return line.truncate(self.size.width, ellipsis=True)


class KeyBar(Widget):
    """The keys that work on the current screen, the most specific first; what others decided. In
    their place, until the next key, why the last one did nothing."""

    _said = Safe("")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def say(self, text: Safe) -> None:
        if text != self._said:
            self._said = text
            self.refresh()

    def render(self) -> Content:
        if self._said:
            return Content.styled(f" {self._said}", "dim").truncate(self.size.width, ellipsis=True)
        bindings = self.screen.active_bindings.values()
        bound = {active.binding.id: active.binding for active in bindings if active.enabled}
        here: list[tuple[str, str]] = []
        everywhere: list[tuple[str, str]] = []
        for action in ACTIONS:  # in the order of the table, whatever the keys
            if action.in_footer and (binding := bound.get(action.id)) is not None:
                entry = (action.display(binding), action.label)
                (everywhere if action.scope == "app" else here).append(entry)
        width = self.size.width
        fixed = _entries(everywhere)
        room = width - fixed.cell_length - 3
        news = Content("")
        if self._session.news:
            told = Content.styled(self._session.news, "italic")
            if told.cell_length > room - 3:  # more important than keys, for a while
                return Content.assemble(" ", told).truncate(width, ellipsis=True)
            news = told + Content("   ")
        room -= news.cell_length
        local = Content("")
        for count in range(len(here), -1, -1):
            local = _entries(here[:count])
            if local.cell_length <= room:
                break
        gap = max(1, width - local.cell_length - news.cell_length - fixed.cell_length - 2)
        return Content.assemble(" ", local, " " * gap, news, fixed, " ")


def _entries(entries: list[tuple[str, str]]) -> Content:
    parts: list[str | tuple[str, str]] = []
    for key, label in entries:
        if parts:
            parts.append("   ")
        parts += [(key, "bold"), " ", (label, "dim")]
    return Content.assemble(*parts)


def refresh_keys(screen: Screen[Any]) -> None:
    """Redraw the key bar after the available actions have changed."""
    for bar in screen.query(KeyBar):
        bar.refresh()
