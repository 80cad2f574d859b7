"""Two explorers on one engine: what one decides the other shows, and undo is of one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.service import Engine
from engine.wire.messages import MarkChange, MarkEvent, MarkRequest, UndoRequest
from seal_tui.explorer.widgets.window import WindowList
from seal_tui.text import words

from .conftest import Opener, shows, until

ELSEWHERE = "another"
Decide = Callable[..., None]


@pytest.fixture
def decide(real_engine: Engine) -> Decide:
    """A decision by another client."""

    def decide(*pairs: int, author: str = "bo", **change: Any) -> None:
        made = MarkChange(**change)
        real_engine.mark(MarkRequest(pair_ids=pairs, change=made, author=author, session=ELSEWHERE))

    return decide


@asynccontextmanager
async def pairs_shown(browser: Opener, **how: Any) -> AsyncIterator[Pilot[None]]:
    async with browser(**how) as pilot:
        await pilot.press("3")
        await shows(pilot, "24 of 24 pairs", "0 decided")
        await until(pilot, lambda: lines(pilot).current_row is not None)
        yield pilot


def lines(pilot: Pilot[None]) -> WindowList[Any]:
    return pilot.app.screen_stack[0].query_one("#list", WindowList)


def told(pilot: Pilot[None]) -> list[str]:
    return [note.message for note in pilot.app._notifications]


async def test_what_others_decide_is_shown_where_one_is(browser: Opener, decide: Decide) -> None:
    async with pairs_shown(browser) as pilot:
        await pilot.press("j", "v", "j")
        at, selected = lines(pilot).cursor, lines(pilot).selected
        current = lines(pilot).current
        assert current is not None
        decide(current, verdict="flip", note="unclear")
        await shows(pilot, "bo: flip, note on pair harmless-base", "bo: flip · “unclear”")
        decide(*range(12), author="kim", verdict="drop")
        await shows(pilot, "kim (elsewhere): drop on 12 pairs", "12 decided", "✗")
        assert (lines(pilot).cursor, lines(pilot).selected) == (at, selected)
        await pilot.press("4")
        await shows(pilot, "12 of 24 decided · 12 drop")
        decide(0, 1, author="kim", verdict="keep")
        await shows(pilot, "2 keep · 10 drop")
        await pilot.press("3")
        await shows(pilot, "12 decided", "✓")


async def test_a_dialog_stays_open_and_the_log_follows(browser: Opener, decide: Decide) -> None:
    async with pairs_shown(browser) as pilot:
        await pilot.press("n", *"half a no")
        decide(3, author="kim", verdict="tie")
        await shows(pilot, "half a no", "1 decided")
        await pilot.press("escape", "escape", "L")
        await shows(pilot, "1 of 24 decided")
        decide(4, verdict="discuss")
        await shows(pilot, "1 of 24 decided", "bo           discuss")


async def test_a_decision_about_a_pair_changed_elsewhere_is_refused_and_shown(
    real_engine: Engine, browser: Opener, decide: Decide
) -> None:
    async with pairs_shown(browser) as pilot:
        current = lines(pilot).current
        assert current is not None
        await pilot.press("n", *"mine")
        decide(current, author="kim", note="theirs")
        await pilot.press("ctrl+s")
        await shows(pilot, "mine", "changed since you saw it: “note” by kim")
        await pilot.press("escape", "escape")
        await shows(pilot, "“theirs”")
        assert lines(pilot).current == current
        await pilot.press("n", *" and mine", "ctrl+s")
        await shows(pilot, "“theirs and mine”")


async def test_undo_is_of_one_explorer(
    real_engine: Engine, browser: Opener, decide: Decide
) -> None:
    async with pairs_shown(browser) as pilot:
        first = lines(pilot).current
        assert first is not None
        await pilot.press("x")
        await shows(pilot, "1 decided")
        decide(first, author="kim", verdict="drop")
        await shows(pilot, "kim (elsewhere): drop", "✗")
        await pilot.press("u")
        await until(pilot, lambda: any("cannot undo “flip”: pair" in said for said in told(pilot)))
        real_engine.undo(UndoRequest(author="kim", session=ELSEWHERE))
        await shows(pilot, "kim (elsewhere): undone: drop", "⇄")
        await pilot.press("u")
        await shows(pilot, "0 decided")


async def test_in_blind_mode_nothing_is_told_of_what_others_decide(
    browser: Opener, decide: Decide
) -> None:
    async with pairs_shown(browser) as pilot:
        await pilot.press("b")
        current = lines(pilot).current
        assert current is not None
        decide(current, verdict="flip", note="unclear")
        decide(current, author="kim", note="seen")
        shown = await shows(pilot, "kim (elsewhere): note on 1 pair", "“seen”")
        assert not any(text in shown for text in ("bo:", "unclear", "flip on"))


def test_news_are_one_line_however_many_there_are() -> None:
    def event(author: str, pairs: int) -> MarkEvent:
        return MarkEvent(time=0, author=author, summary="tie", pairs=pairs, source_id="p\x1b7")

    many, one = event("bo", 1_200), event("kim", 1)
    assert words.news([many], "kim") == "bo: tie on 1,200 pairs"
    assert words.news([one], "lee") == "kim: tie on pair p␛7"
    both = words.news([one, many], "kim")
    assert both == "kim (elsewhere), bo: 2 changes, 1,201 pairs"
