"""Screen 5: rewritten pairs and the scores."""

from __future__ import annotations

import msgspec

from engine.wire.endpoints import REWRITES
from tests import records

from .conftest import Opener, screen_text, shows, until
from .fake_engine import FakeEngine


async def test_the_list_and_the_rewording_are_side_by_side(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("5")
        shown = await shows(pilot, "12 of 12 rewritten pairs", "became misaligned", "chosen answer")
        for part in ("original", "rewritten", "before", "after", "cosine 0.970", "▲ 0.10"):
            assert part in shown, part
        assert "≠ eloquent" in shown and "preference misaligned → misaligned" in shown


async def test_both_sides_are_one_key_apart(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("5")
        await shows(pilot, "chosen answer · margin", "c shows the rejected one", "I can’t help")
        await pilot.press("c")
        await shows(
            pilot, "rejected answer · margin", "c shows the chosen one", "The simplest way is to"
        )


async def test_a_low_cosine_is_a_warning(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("5")
        await shows(pilot, "12 of 12 rewritten pairs · 6 left out")
        await pilot.press("G")
        await shows(pilot, "below the minimum 0.90", "left out")


async def test_the_scores_are_a_key_away_and_lead_back_to_the_rewrites(
    engine: FakeEngine, explorer: Opener
) -> None:
    async with explorer() as pilot:
        await pilot.press("5")
        await shows(pilot, "12 of 12")
        await pilot.press("t")
        shown = await shows(pilot, "robustness scores π", "chosen turns less positive", "+11.7")
        assert "A pair with a chosen answer that turns less positive becomes misaligned" in shown
        unwrapped = " ".join(shown.split())
        assert "Its odds are 2.30 times as high. Of 40 such rewrites 14 did." in unwrapped
        assert "original" not in shown
        await pilot.press("enter")
        await shows(pilot, "lost_chosen:last_response_sentiment is:used")
        assert engine.queries(REWRITES)[-1].filter == "lost_chosen:last_response_sentiment is:used"
        await pilot.press("t", "escape")
        await until(pilot, lambda: "robustness scores" not in screen_text(pilot))


async def test_rewrites_are_filtered_by_terms_of_their_own(browser: Opener) -> None:
    async with browser(80, 24) as pilot:
        await pilot.press("5")
        await shows(pilot, "12 of 12")
        await pilot.press("slash", *"strategy:neu cosine>0.95", "enter")
        await shows(pilot, "1 of 12 rewritten pairs")
        await pilot.press("slash", *"regime:got", "enter")
        await shows(pilot, "unknown filter field “regime”")


async def test_where_there_are_no_scores_the_reason_is_said(
    engine: FakeEngine, explorer: Opener
) -> None:
    tables = records.with_rows(engine.metrics.tables, robustness=())
    engine.metrics = msgspec.structs.replace(engine.metrics, tables=tables)
    async with explorer(80, 24) as pilot:
        await pilot.press("5")
        await shows(pilot, "12 of 12")
        await pilot.press("t")
        await shows(pilot, "no scores", "low cosine: 1 of 12 rewrites below 0.9")
