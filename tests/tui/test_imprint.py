"""Screen 2: coefficients."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from seal_tui.widgets.rows import RowList

from .conftest import Opener, screen_text, shows, until
from .fake_engine import FakeEngine


def first_feature(pilot: Pilot[None]) -> Any:
    return pilot.app.screen.query_one("#table", RowList)._keys[0]


async def test_the_table_shows_both_models_and_the_change(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        shown = await shows(pilot, "harmless", "target", "−0.85", "2.09", "+2.94", "<0.001", "7.5")
        assert "preset pair-fe" in shown and "●" in shown and "─" in shown


async def test_the_focused_number_is_read_out(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        await shows(pilot, "“harmless” adds 2.09 points under post-D")
        await pilot.press("o")
        await shows(pilot, "“harmless”: training raised its worth by 2.94 reward points")
        await pilot.press("o")
        await shows(pilot, "“harmless” takes 0.85 points away under pre-D")


async def test_features_without_an_estimate_are_listed_with_the_reason(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        await shows(pilot, "left out human vocabulary quality", "left out assistant coherent")
        await shows(pilot, "(too rare)", "(kept out by the taxonomy)", "2 of 24 pairs lack a label")
        await pilot.press("question_mark")
        await shows(pilot, "human vocabulary quality: too rare, varies in 3 pairs")


async def test_one_key_goes_through_the_tables(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        await shows(pilot, "feature imprint on rewards")
        await pilot.press("t")
        await shows(pilot, "imprint on the reward shift", "+8.4", "counter-clockwise")
        await pilot.press("t")
        await shows(pilot, "what makes a pair misaligned", "points more likely")
        await pilot.press("t")
        await shows(pilot, "feature imprint on rewards")


async def test_one_key_goes_through_the_presets(engine: FakeEngine, explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        await shows(pilot, "preset pair-fe")
        await pilot.press("p")
        await shows(pilot, "preset released-code")
        assert engine.queries("metrics")[-1] == "released-code"


async def test_one_key_goes_through_the_orders(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        await shows(pilot, "sorted by strength")
        assert first_feature(pilot) == "last_response_is_harmless"
        await pilot.press("s", "s")
        await shows(pilot, "sorted by name")
        assert first_feature(pilot) == "last_response_breaks_privacy"


async def test_a_feature_opens_the_pairs_whose_sides_differ_in_it(
    engine: FakeEngine, explorer: Opener
) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        await shows(pilot, "“harmless” adds")
        await pilot.press("enter")
        await shows(pilot, "feature:last_response_is_harmless")
        asked = engine.queries("pairs")[-1]
        assert (asked.feature, asked.feature_side) == ("last_response_is_harmless", None)


async def test_a_number_of_one_side_opens_the_pairs_with_it_on_that_side(
    engine: FakeEngine, explorer: Opener
) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        await shows(pilot, "“harmless” adds")
        await pilot.press("t", "enter")
        await until(pilot, lambda: bool(engine.queries("pairs")))
        assert engine.queries("pairs")[-1].feature_side == "chosen"


async def test_all_columns_fit_a_small_terminal(explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await pilot.press("2")
        await shows(pilot, "adj. p", "VIF", "95 % interval", "change")
        assert max(len(line) for line in screen_text(pilot).splitlines()) <= 80
