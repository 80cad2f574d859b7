"""Screen 3: the list of pairs and the pair beside it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.service import Engine
from engine.wire.endpoints import PAIRS
from seal_tui.explorer import input_queue
from seal_tui.explorer.widgets.pair_view import PairView
from seal_tui.explorer.widgets.window import WindowList

from .conftest import Opener, screen_text, shows, until
from .fake_engine import FakeEngine


def cursor_id(pilot: Pilot[None]) -> Any:
    return pilot.app.screen.query_one("#list", WindowList).current


async def type_filter(pilot: Pilot[None], text: str) -> None:
    await pilot.press("slash")
    await until(pilot, lambda: isinstance(pilot.app.focused, Input))
    assert isinstance(pilot.app.focused, Input)
    pilot.app.focused.value = text
    await pilot.press("enter")


async def test_wide_terminals_show_the_pair_under_the_cursor(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("3")
        await shows(pilot, "24 of 24 pairs", "pair 20 · ", "harmless-base:20")
        await pilot.press("j")
        await shows(pilot, "pair 12 · ", "harmless-base:12")


async def test_the_pair_shows_texts_labels_and_rewards(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3", *["s"] * 6)
        shown = await shows(pilot, "pair 0 · ", "harmless-base:0", "▸ shared context (3 turns")
        for part in ("≠ ", "same:", "pre-D", "post-D", "▲ 0.80", "margin"):
            assert part in shown, part
        assert "shift θ" in shown and "gain" in shown
        assert "misaligned → misaligned (resisted)" in shown


async def test_a_margin_within_the_scorers_noise_is_called_so(
    real_engine: Engine, browser: Opener
) -> None:
    with real_engine.store.write() as cursor:
        cursor.execute("UPDATE pair_facts SET noise_limited = true WHERE pair_id = 3")
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "pair 20 · ")
        await type_filter(pilot, "is:noise")
        await shows(pilot, "1 of 24 pairs", "pair 3 · ", "within the scorer’s noise")
        await type_filter(pilot, "-is:noise")
        shown = await shows(pilot, "23 of 24 pairs", "pair 20 · ")
        assert "noise" not in shown.replace("-is:noise", "")


async def test_space_opens_the_shared_context(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "▸ shared context")
        await pilot.press("space")
        await shows(pilot, "▾ shared context", "Hello, I have question")


async def test_small_terminals_show_one_at_a_time(explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await pilot.press("3")
        shown = await shows(pilot, "24 of 24 pairs")
        assert "shared context" not in shown
        await pilot.press("enter")
        shown = await shows(pilot, "▸ shared context", "1 of 24")
        await pilot.press("J")
        await shows(pilot, "2 of 24")
        await pilot.press("escape")
        await until(pilot, lambda: "shared context" not in screen_text(pilot))
        assert pilot.app.screen.query_one("#list", WindowList).has_focus


async def test_answers_are_stacked_under_100_columns_and_side_by_side_above(
    explorer: Opener,
) -> None:
    for width, side_by_side in ((80, False), (104, True)):
        async with explorer(width, 30) as pilot:
            await pilot.press("3", "enter")
            await shows(pilot, "▸ shared context")
            view = pilot.app.screen.query_one(PairView)
            left, right = view.query_one(".left"), view.query_one(".right")
            assert (left.region.y == right.region.y) is side_by_side


async def test_a_filter_selects_and_backspace_undoes_it(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "24 of 24 pairs")
        await type_filter(pilot, "regime:resisted opinion:c council")
        await shows(pilot, "2 of 24 pairs", "regime:resisted opinion:c council")
        await pilot.press("backspace")
        await shows(pilot, "24 of 24 pairs")


async def test_what_is_wrong_with_a_filter_is_said_below_its_place(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "24 of 24 pairs")
        await type_filter(pilot, "council regme:got")
        shown = await shows(pilot, "unknown filter field “regme”; did you mean regime?")
        lines = shown.splitlines()
        typed = next(line for line in lines if "council regme:got" in line)
        marks = next(line for line in lines if "^^^^^" in line)
        assert marks.index("^^^^^") == typed.index("regme")
        await pilot.press("escape")
        await shows(pilot, "24 of 24 pairs")


async def test_a_filter_left_while_it_is_looked_up_is_not_applied(
    engine: FakeEngine, explorer: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_queue, "AHEAD_S", 0.0)  # the person has seen that it takes a while
    async with explorer() as pilot:
        await pilot.press("3")
        await shows(pilot, "24 of 24 pairs", "filter all")
        engine.held = asyncio.Event()
        await pilot.press("slash", *"regime:got", "enter")
        await until(pilot, lambda: engine.queries(PAIRS)[-1].filter == "regime:got")
        await pilot.press("escape")
        engine.held.set()
        await pilot.press("j")
        await shows(pilot, "24 of 24 pairs", "filter all")


async def test_a_filter_is_completed_as_it_is_typed(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "24 of 24 pairs")
        await pilot.press("slash", *"reg")
        await shows(pilot, "▸ regime:")
        await pilot.press("tab", *"res")
        await shows(pilot, "▸ resisted")
        await pilot.press("tab", "enter")
        await shows(pilot, "6 of 24 pairs", "regime:resisted")


async def test_the_sql_of_a_filter_is_a_key_away(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await type_filter(pilot, "regime:got")
        await shows(pilot, "6 of 24 pairs")
        await pilot.press("Q")
        await shows(pilot, "f.regime = 'got'")


async def test_a_filter_that_selects_nothing_says_so(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "pair 20")
        await type_filter(pilot, "zebra")
        shown = await shows(pilot, "0 of 24 pairs", "no pairs match")
        assert "pair 20 ·" not in shown


async def test_a_run_opens_again_where_it_was_left(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await type_filter(pilot, "regime:resisted")
        await shows(pilot, "6 of 24 pairs")
        await pilot.press("s", "j", "j")
        await shows(pilot, "margin before training")
        left = cursor_id(pilot)
        await pilot.press("q")
    async with browser() as pilot:
        await shows(pilot, "6 of 24 pairs", "regime:resisted", "margin before training")
        assert cursor_id(pilot) == left


async def test_sorting_goes_through_the_numbers_and_can_be_turned_round(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "by margin after training ↑")
        await pilot.press("s", "s", "s")
        await shows(pilot, "by shift θ ↓")
        await pilot.press("r")
        await shows(pilot, "by shift θ ↑")


async def test_results_that_come_anew_keep_the_cursor_on_its_pair(
    engine: FakeEngine, explorer: Opener
) -> None:
    async with explorer() as pilot:
        await pilot.press("3", "j", "j", "j")
        await until(pilot, lambda: cursor_id(pilot) == 4)
        del engine.pairs[20]
        before = len(engine.queries(PAIRS))
        engine.announce(state="running")
        await until(pilot, lambda: len(engine.queries(PAIRS)) > before)
        await shows(pilot, "23 of 23 pairs")
        assert cursor_id(pilot) == 4


async def test_a_pair_leads_to_its_rewrites_and_back(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3", *["s"] * 6)
        await shows(pilot, "pair 0 · ", "harmless-base:0")
        await pilot.press("w")
        await shows(pilot, "pair:0", "1 of 12 rewritten pairs")
        await shows(pilot, "o its pair")
        await pilot.press("o")
        await shows(pilot, "pair 0 · ", "harmless-base:0", "esc back")


async def test_what_the_run_has_not_reached_yet_is_said(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.ready, engine.state = False, "running"
    async with explorer() as pilot:
        await pilot.press("3")
        await shows(pilot, "not read yet; “read” does it")
        engine.ready = True
        engine.announce(state="done")
        shown = await shows(pilot, "24 of 24 pairs")
        assert "not read yet" not in shown


async def test_pairs_that_could_not_be_scored_are_counted_beside_the_list(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.study = msgspec.structs.replace(engine.study, pairs=27)
    async with explorer() as pilot:
        await pilot.press("3")
        await shows(pilot, "24 of 24 pairs · 3 not scored")
