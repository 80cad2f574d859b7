"""The list of very many pairs."""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import Fault
from engine.wire.endpoints import PAIR, PAIR_ROWS
from seal_tui.explorer.pages import Pages
from seal_tui.explorer.widgets.window import WindowList

from .conftest import Opener, screen_text, shows, until
from .fake_engine import FakeEngine


def test_pages_know_what_a_view_still_needs() -> None:
    pages: Pages[str] = Pages(range(1000, 1300), size=100, max_pages=2)
    assert pages.missing(95, 105) == [0, 1]
    assert pages.missing(295, 999) == [2]
    assert list(pages.ids_of(2)) == list(range(1200, 1300))
    pages.put(0, [str(n) for n in pages.ids_of(0)])
    assert pages.row(7) == "1007"
    assert pages.row(100) is None
    assert Pages[str]().missing(0, 10) == []


def test_only_the_pages_used_last_are_kept() -> None:
    pages: Pages[int] = Pages(range(300), size=100, max_pages=2)
    for page in range(3):
        pages.put(page, list(pages.ids_of(page)))
    assert pages.row(0) is None
    assert pages.row(299) == 299


def test_a_page_of_another_length_is_refused() -> None:
    pages: Pages[int] = Pages(range(10))
    with pytest.raises(Fault, match="different number of rows"):
        pages.put(0, [1])


async def test_160k_pairs_open_at_once_and_fetch_only_what_is_seen(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.many = 160_800
    async with explorer() as pilot:
        await pilot.press("3")
        await shows(pilot, "160,800 of 160,800 pairs", "I can’t help")
        lines = pilot.app.screen.query_one("#list", WindowList)
        await pilot.press("G")
        await shows(pilot, "pair 160799 ·")
        await pilot.press("pageup", "pageup", "g")
        await shows(pilot, "pair 0 ·")
        assert lines.cursor == 0
        asked = engine.queries(PAIR_ROWS)
        assert sum(len(request.ids) for request in asked) < 1500
        assert max(len(request.ids) for request in asked) <= 128


async def test_a_held_key_does_not_ask_for_every_pair_it_passes(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.many = 10_000
    async with explorer() as pilot:
        await pilot.press("3")
        await shows(pilot, "pair 0 ·")
        before = len(engine.queries(PAIR))
        lines = pilot.app.screen.query_one("#list", WindowList)
        for _ in range(50):
            lines.action_cursor_down()
        await shows(pilot, "pair 50 ·")
        assert len(engine.queries(PAIR)) - before <= 2


async def test_rows_fetched_ahead_are_drawn_if_they_are_in_view_when_they_come(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.many = 160_800
    async with explorer() as pilot:
        await pilot.press("3")
        await shows(pilot, "160,800 of 160,800 pairs", "I can’t help")
        engine.held = asyncio.Event()
        await pilot.press("pagedown", "pagedown")
        await until(pilot, lambda: engine.queries(PAIR_ROWS)[-1].ids[0] == 128)
        await pilot.press("pagedown", "pagedown")
        await shows(pilot, "·        ·")  # they are in view and not here
        engine.held.set()
        await until(pilot, lambda: "·        ·" not in screen_text(pilot))
