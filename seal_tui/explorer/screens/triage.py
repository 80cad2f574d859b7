"""Decisions about pairs: the actions shared by all lists of pairs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from msgspec import structs
from textual import work
from textual.content import Content

from engine.errors import SealError
from engine.wire.endpoints import (
    AGREEMENT,
    BLIND_PAIR,
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
    Agreement,
    LogRequest,
    MarkChange,
    MarkRequest,
    MarksChanged,
    PairRequest,
    ProgressRequest,
    RedoRequest,
    Turn,
    UndoRequest,
    Verdict,
)
from seal_tui.explorer import clipboard
from seal_tui.explorer.screens.base import SealScreen
from seal_tui.explorer.screens.dialogs import ConfirmScreen, TextScreen
from seal_tui.explorer.screens.log import log_text, undo_question
from seal_tui.explorer.screens.prompts import NoteScreen, PromptScreen
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets import blocks
from seal_tui.explorer.widgets.window import WindowList
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, one_line

# A change to more pairs than this needs a confirmation.
_ASK_ABOVE = 1


class Triage(SealScreen):
    """A mixin for screens with a list of pairs. Decisions are on disk before they are shown."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._in_order = asyncio.Lock()  # first come, first served
        self._marks_epoch = session.marks_epoch
        self._log: TextScreen | None = None

    @property
    def lines(self) -> WindowList[Any]:
        raise NotImplementedError

    @property
    def dataset(self) -> str:
        """The fingerprint of the dataset of the list."""
        raise NotImplementedError

    @property
    def revision(self) -> int:
        """The length of the log of decisions when the list was read."""
        raise NotImplementedError

    def marks_changed(self) -> None:
        """Called after a change, to refresh the screen."""
        raise NotImplementedError

    @property
    def targets(self) -> tuple[int, ...]:
        """The pairs to change: the selected ones, or the one under the cursor."""
        if self.lines.selected:
            return self.lines.selected
        return () if self.lines.current is None else (self.lines.current,)

    def follow_decisions(self) -> None:
        if self._marks_epoch == self.session.marks_epoch:
            return
        self._marks_epoch = self.session.marks_epoch
        self.marks_changed()
        if self._log is not None:
            self._renew_log(self._log)

    def _seen(self, targets: tuple[int, ...]) -> int:
        """The length of the log of decisions that is shown of these pairs: an engine that has a
        longer one about them refuses the change."""
        if len(targets) != 1:
            return self.session.revision
        row = self.lines.row_of(targets[0])
        return self.revision if row is None else row.revision

    # ---------------------------------------------------------- decisions

    def action_decide(self, verdict: Verdict | Literal["", "a", "b"]) -> None:
        """Record a decision; the empty verdict removes it.

        The cursor moves on at once, so that the next key applies to the next pair, however long
        the engine takes.
        """
        what = words.decision(verdict) if verdict else Safe("undecide")
        targets = self.targets
        self._change(targets, MarkChange(verdict=verdict), what)
        if verdict and len(targets) == 1 and not self.lines.selected:
            self.lines.cursor += 1

    def action_better(self, side: str) -> None:
        """Decide that the answer on this side is better. Works in blind mode, for one pair only."""
        current = self.lines.current
        if current is None or self.lines.selected:
            return
        if self.session.blind:
            self.action_decide("a" if side == "left" else "b")
        else:
            self.action_decide("keep" if side == "left" else "flip")

    def action_flag(self) -> None:
        self._change(self.targets, MarkChange(flag="toggle"), Safe("flag"))

    def action_note(self) -> None:
        row = self.lines.current_row
        if row is None:
            self.quietly(Safe("there is no pair to note something about"))
            return
        targets = self.targets
        save = self._saver(targets, Safe("note"))
        alone = targets == (self.lines.current,)
        before = row.mark.note if row.mark is not None and alone else ""
        screen = NoteScreen(Safe("note"), lambda note: save(MarkChange(note=note)), before)
        self.app.push_screen(screen)

    def action_tag(self) -> None:
        row = self.lines.current_row
        if row is None:
            self.quietly(Safe("there is no pair to tag"))
            return
        targets = self.targets
        save = self._saver(targets, Safe("tag"))
        alone = targets == (self.lines.current,)
        before = set(row.mark.tags) if row.mark is not None and alone else set()

        async def tag(text: str) -> str | None:
            now = set(text.replace("#", " ").split())
            change = MarkChange(
                add_tags=tuple(sorted(now - before)), remove_tags=tuple(sorted(before - now))
            )
            if not change.add_tags and not change.remove_tags:
                return None
            return await save(change)

        title = Safe("tags, separated by spaces")
        self.app.push_screen(PromptScreen(title, tag, " ".join(sorted(before))))

    def _saver(
        self, targets: tuple[int, ...], what: Safe
    ) -> Callable[[MarkChange], Awaitable[str | None]]:
        """Makes the changes of a dialog that is opened now, as `_save` does. The first is of what
        was shown then; with its answer it is known what others changed."""
        seen: int | None = self._seen(targets)

        async def save(change: MarkChange) -> str | None:
            nonlocal seen
            reason = await self._save(targets, change, what, seen)
            seen = None
            return reason

        return save

    async def _save(
        self, targets: tuple[int, ...], change: MarkChange, what: Safe, seen: int | None
    ) -> str | None:
        """Make the change of a dialog; the reason if that is not possible."""
        seen = self._seen(targets) if seen is None else seen
        if len(targets) > _ASK_ABOVE and not await self._confirmed(targets, what):
            return "not saved"
        try:
            async with self._in_order:
                done = await self.session.client.ask(MARK(self._request(targets, change, seen)))
        except SealError as error:
            self.marks_changed()
            return str(error)
        self._made(targets, done)
        return None

    def _change(
        self, targets: tuple[int, ...], change: MarkChange, what: Safe, seen: int | None = None
    ) -> None:
        """Change these pairs, whose marks are shown as they were at `seen`, or as they are now;
        several only after a confirmation."""
        seen = self._seen(targets) if seen is None else seen
        if len(targets) > _ASK_ABOVE:
            self._change_all(targets, change, what, seen)
        elif targets:
            self._change_one(targets, change, seen)
        else:
            self.quietly(Safe("there is no pair to decide about"))

    async def _confirmed(self, targets: tuple[int, ...], what: Safe) -> bool:
        question = Safe(f"{what}: {numbers.count(len(targets))} selected pairs?")
        return await self.app.push_screen_wait(ConfirmScreen(question, ahead=True))

    @work(group="mark")
    async def _change_one(self, targets: tuple[int, ...], change: MarkChange, seen: int) -> None:
        await self._carry_out(targets, change, seen)

    @work(group="decide")
    async def _change_all(
        self, targets: tuple[int, ...], change: MarkChange, what: Safe, seen: int
    ) -> None:
        if await self._confirmed(targets, what):
            await self._carry_out(targets, change, seen)

    def _request(self, targets: tuple[int, ...], change: MarkChange, seen: int) -> MarkRequest:
        return MarkRequest(
            pair_ids=targets,
            change=change,
            author=self.session.author,
            blind=self.session.blind,
            dataset=self.dataset,
            session=self.session.name,
            seen=seen,
        )

    async def _carry_out(self, targets: tuple[int, ...], change: MarkChange, seen: int) -> None:
        done = await self._apply(MARK(self._request(targets, change, seen)))
        if done is None:  # failed: keep the selection or the cursor
            if len(targets) == 1:
                self.lines.go_to(targets[0])
            self.marks_changed()
            return
        self._made(targets, done)

    def _made(self, targets: tuple[int, ...], done: MarksChanged) -> None:
        self.lines.deselect(targets)  # pairs selected in the meantime stay selected
        self._report(done, loud=len(targets) > 1)

    @work(group="decide")
    async def action_undo(self) -> None:
        me = UndoRequest(
            author=self.session.author, session=self.session.name, blind=self.session.blind
        )
        done = await self._apply(UNDO(me))
        if done is not None and (other := done.elsewhere) is not None:
            if not await self.app.push_screen_wait(ConfirmScreen(undo_question(other))):
                return
            done = await self._apply(UNDO(structs.replace(me, action=other.number)))
        self._stepped(done)

    @work(group="decide")
    async def action_redo(self) -> None:
        me = RedoRequest(
            author=self.session.author, session=self.session.name, blind=self.session.blind
        )
        self._stepped(await self._apply(REDO(me)))

    def _stepped(self, done: MarksChanged | None) -> None:
        if done is None:  # refused: show what is there now
            self.marks_changed()
        else:
            self._report(done)

    async def _apply(self, call: Call[MarksChanged]) -> MarksChanged | None:
        """The result of a change, after all earlier changes."""
        async with self._in_order:
            done = await self._answer(call)
        return done

    def _report(self, done: MarksChanged, *, loud: bool = True) -> None:
        if loud:
            self.notify(one_line(done.summary), markup=False, timeout=3)
        self.session.marks_epoch += 1
        self._marks_epoch = self.session.marks_epoch
        self.marks_changed()

    async def _answer(self, call: Call[Answer]) -> Answer | None:
        """The answer, or None after showing the error."""
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

    # ---------------------------------------------------------- log and copy

    def action_log(self) -> None:
        self._log = TextScreen(Safe("decisions"), Content.styled("looking up …", "dim"))
        self.app.push_screen(self._log, self._log_closed)
        self._fill_log(self._log)

    def _log_closed(self, _: None) -> None:
        self._log = None

    @work(group="decide")
    async def _fill_log(self, screen: TextScreen) -> None:
        text = await self._log_text()
        if text is None:
            screen.dismiss(None)
        elif screen is self._log:  # not closed meanwhile
            screen.renew(text)

    @work(group="log", exclusive=True)
    async def _renew_log(self, screen: TextScreen) -> None:
        text = await self._log_text()
        if text is not None and screen is self._log:
            screen.renew(text)

    async def _log_text(self) -> Content | None:
        """In blind mode only one's own decisions, without what was chosen."""
        author, blind = self.session.author, self.session.blind
        log = await self._answer(MARK_LOG(LogRequest(author=author, blind=blind)))
        agreements: list[Agreement] | None = []
        if not blind:
            agreements = await self._answer(AGREEMENT())
        everything = ProgressRequest(filter="", author=author, blind=blind)
        progress = await self._answer(MARK_PROGRESS(everything))
        if log is None or agreements is None or progress is None:
            return None
        return log_text(log, agreements, progress)

    @work(group="decide")
    async def action_copy(self) -> None:
        current = self.lines.current
        if current is None:
            return
        request = PairRequest(id=current, author=self.session.author)
        sides: tuple[tuple[str, Sequence[Turn]], ...]
        if self.session.blind:
            shown = await self._answer(BLIND_PAIR(request))
            if shown is None:
                return
            what = f"pair {current}"
            sides = (("A", (*shown.shared, *shown.a)), ("B", (*shown.shared, *shown.b)))
        else:
            pair = await self._answer(PAIR(request))
            if pair is None:
                return
            what = pair.row.source_id
            sides = (("chosen", pair.chosen.turns), ("rejected", pair.rejected.turns))
        parts = [what]
        for name, side in sides:
            turns = "\n\n".join(f"{turn.role.title()}: {blocks.said(turn)}" for turn in side)
            parts.append(f"--- {name}\n{turns}")
        self.notify(await clipboard.copy(self.app, "\n\n".join(parts)), markup=False)
