"""What a person decides about pairs: the actions that every list of pairs shares."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from textual import work

from engine.errors import SealError
from engine.wire.endpoints import (
    AGREEMENT,
    MARK,
    MARK_LOG,
    MARK_PROGRESS,
    PAIR,
    REDO,
    UNDO,
    Answer,
    Call,
)
from engine.wire.messages import (
    AuthorRequest,
    LogRequest,
    MarkChange,
    MarkRequest,
    MarksChanged,
    PairRequest,
    ProgressRequest,
    Verdict,
)
from seal_tui.explorer import clipboard
from seal_tui.explorer.blind import chosen_is_left
from seal_tui.explorer.screens.base import SealScreen
from seal_tui.explorer.screens.dialogs import ConfirmScreen, PromptScreen, TextScreen
from seal_tui.explorer.screens.log import log_text
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.window import WindowList
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, one_line

# One change may be meant for one line; more than that is asked about first.
_ASK_ABOVE = 1


class Triage(SealScreen):
    """A mixin of screens with a list of pairs. Every decision is on disk before it is shown."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._in_order = asyncio.Lock()  # it wakes who waits in the order in which they came

    @property
    def lines(self) -> WindowList[Any]:
        raise NotImplementedError

    @property
    def dataset(self) -> str:
        """The data that the numbers of the list are of."""
        raise NotImplementedError

    def marks_changed(self) -> None:
        """Called after a change: what is on the screen has to be brought anew."""
        raise NotImplementedError

    @property
    def targets(self) -> tuple[int, ...]:
        """What a decision is about: the selected pairs, or else the one under the cursor."""
        if self.lines.selected:
            return self.lines.selected
        return () if self.lines.current is None else (self.lines.current,)

    # ---------------------------------------------------------- decisions

    def action_decide(self, verdict: Verdict | Literal[""]) -> None:
        """Decides; the empty verdict takes a decision back.

        The cursor goes on at once, so that the next key is about the next pair however long the
        engine takes.
        """
        what = words.VERDICT[verdict] if verdict else Safe("undecide")
        targets = self.targets
        self._change(targets, MarkChange(verdict=verdict), what)
        if verdict and len(targets) == 1 and not self.lines.selected:
            self.lines.cursor += 1

    def action_better(self, side: str) -> None:
        """The answer on this side is the better one; works blind, and on one pair only."""
        current = self.lines.current
        if current is None or self.lines.selected:
            return
        chosen_left = chosen_is_left(current, blind=self.session.blind)
        self.action_decide("keep" if (side == "left") == chosen_left else "flip")

    def action_flag(self) -> None:
        self._change(self.targets, MarkChange(flag="toggle"), Safe("flag"))

    def action_note(self) -> None:
        row = self.lines.current_row
        if row is None:
            return  # it is on its way, and with it the note that is there already
        targets = self.targets

        def said(note: str | None) -> None:
            if note is not None:
                self._change(targets, MarkChange(note=note), Safe("note"))

        alone = targets == (self.lines.current,)
        before = row.mark.note if row.mark is not None and alone else ""
        self.app.push_screen(PromptScreen(Safe("note"), before), said)

    def action_tag(self) -> None:
        row = self.lines.current_row
        if row is None:
            return
        targets = self.targets
        alone = targets == (self.lines.current,)
        before = set(row.mark.tags) if row.mark is not None and alone else set()

        def said(text: str | None) -> None:
            if text is None:
                return
            now = set(text.replace("#", " ").split())
            change = MarkChange(
                add_tags=tuple(sorted(now - before)), remove_tags=tuple(sorted(before - now))
            )
            if change.add_tags or change.remove_tags:
                self._change(targets, change, Safe("tag"))

        title = Safe("tags, with spaces between")
        self.app.push_screen(PromptScreen(title, " ".join(sorted(before))), said)

    @work(group="decide")
    async def _change(self, targets: tuple[int, ...], change: MarkChange, what: Safe) -> None:
        if not targets:
            return
        wanted = MarkRequest(
            pair_ids=targets,
            change=change,
            author=self.session.author,
            blind=self.session.blind,
            dataset=self.dataset,
        )
        if len(targets) > _ASK_ABOVE:
            question = Safe(f"{what}: {numbers.count(len(targets))} selected pairs?")
            if not await self.app.push_screen_wait(ConfirmScreen(question)):
                return
        done = await self._decided(MARK(wanted))
        if done is None:  # what was not decided stays selected, or under the cursor
            if len(targets) == 1:
                self.lines.go_to(targets[0])
            return
        self.lines.deselect(targets)  # what was selected meanwhile stays so
        self._told(done, loud=len(targets) > 1)

    @work(group="decide")
    async def action_undo(self) -> None:
        done = await self._decided(UNDO(AuthorRequest(author=self.session.author)))
        if done is not None:
            self._told(done)

    @work(group="decide")
    async def action_redo(self) -> None:
        done = await self._decided(REDO(AuthorRequest(author=self.session.author)))
        if done is not None:
            self._told(done)

    async def _decided(self, call: Call[MarksChanged]) -> MarksChanged | None:
        """What a change came to, after all changes that were asked for before it."""
        async with self._in_order:
            done = await self._asked(call)
        return done

    def _told(self, done: MarksChanged, *, loud: bool = True) -> None:
        if loud:
            self.notify(one_line(done.summary), markup=False, timeout=3)
        self.marks_changed()

    async def _asked(self, call: Call[Answer]) -> Answer | None:
        """The answer, or None after saying why there is none."""
        try:
            return await self.session.client.ask(call)
        except SealError as error:
            self.notify(one_line(str(error)), severity="error", markup=False)
            return None

    # ---------------------------------------------------------- selection

    def action_select(self) -> None:
        self.lines.toggle()

    def action_select_range(self) -> None:
        self.lines.select_range()

    def action_select_all(self) -> None:
        self.lines.select_all()

    # ---------------------------------------------------------- looking and taking along

    @work(group="decide")
    async def action_log(self) -> None:
        everything = ProgressRequest(filter="", author=self.session.author)
        log = await self._asked(MARK_LOG(LogRequest()))
        agreements = await self._asked(AGREEMENT())
        progress = await self._asked(MARK_PROGRESS(everything))
        if log is not None and agreements is not None and progress is not None:
            text = log_text(log, agreements, progress)
            await self.app.push_screen_wait(TextScreen(Safe("decisions"), text))

    @work(group="decide")
    async def action_copy(self) -> None:
        current = self.lines.current
        if current is None:
            return
        pair = await self._asked(PAIR(PairRequest(id=current, author=self.session.author)))
        if pair is None:
            return
        left, right = pair.chosen, pair.rejected
        names = ("chosen", "rejected")
        if self.session.blind:
            names = ("A", "B")
            if not chosen_is_left(current, blind=True):
                left, right = right, left
        parts = [f"{pair.row.source_id}"]
        for name, entry in zip(names, (left, right), strict=True):
            turns = "\n\n".join(f"{turn.role.title()}: {turn.text}" for turn in entry.turns)
            parts.append(f"--- {name}\n{turns}")
        self.notify(await clipboard.copy(self.app, "\n\n".join(parts)), markup=False)
