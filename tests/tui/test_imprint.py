"""Screen 2: coefficients."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from engine.wire.endpoints import PAIRS
from seal_tui.explorer.widgets.rows import RowList

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
        await shows(pilot, "“harmless” subtracts 0.85 points under pre-D")


async def test_features_without_an_estimate_are_listed_with_the_reason(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        await shows(pilot, "excluded human vocabulary quality", "excluded assistant coherent")
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
        await shows(pilot, "features associated with misalignment", "percentage points more likely")
        await pilot.press("t")
        await shows(pilot, "feature imprint on rewards")


async def test_one_key_goes_through_the_presets(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        await shows(pilot, "preset pair-fe", "“harmless” adds 2.09")
        await pilot.press("p")
        await shows(pilot, "preset released-code")


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=str)
async def test_the_presets_stand_side_by_side(explorer: Opener, size: tuple[int, int]) -> None:
    async with explorer(*size) as pilot:
        await pilot.press("2", "c")
        shown = await shows(pilot, "released-code", "pooled-clustered", "pair-fe", "signs")
        lines = {line.split()[0]: line for line in shown.splitlines() if "±" in line}
        assert lines["harmless"].count("+2.09 ± 0.18") == 3 and "differ" not in lines["harmless"]
        assert "+0.17" in lines["honest"] and "−0.17" in lines["honest"]
        assert lines["honest"].rstrip().endswith("differ")
        assert max(map(len, shown.splitlines())) <= size[0]
        await shows(pilot, "“harmless”, in reward points:", "+2.09 by pair-fe (adjusted")
        await pilot.press("c")
        await shows(pilot, "preset pair-fe")


async def test_sides_stand_side_by_side_too(explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await pilot.press("2", "t", "c")
        await shows(pilot, "chosen", "rejected", "+8.4 ±  0.4", "in degrees: not estimated by")


async def test_any_column_sorts_either_way(explorer: Opener) -> None:
    orders = {
        "strength ↓": "last_response_is_harmless",
        "feature ↑": "last_response_breaks_privacy",
        "class ↑": "last_response_breaks_privacy",
        "pre ↓": "last_response_is_eloquent",
        "post ↓": "last_response_is_harmless",
        "change ↓": "last_response_is_harmless",
        "p post ↑": "last_response_breaks_privacy",
        "VIF ↓": "last_response_is_harmless",
        "detects ↓": "last_response_breaks_privacy",
    }
    async with explorer() as pilot:
        await pilot.press("2")
        for order, first in orders.items():
            await shows(pilot, f"by {order}")
            assert first_feature(pilot) == first, order
            await pilot.press("s")
        await shows(pilot, "by strength ↓")
        await pilot.press("s", "r")
        await shows(pilot, "by feature ↓", "feature▾")
        assert first_feature(pilot) == "last_response_sentiment"


async def test_stars_never_stand_alone(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        shown = await shows(pilot, "<0.001 ***")
        starred = [line for line in shown.splitlines() if "***" in line]
        assert starred and all("<0.001 ***" in line for line in starred)


async def test_the_smallest_effect_that_would_be_found_is_a_column(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        shown = await shows(pilot, "detects")
        (line,) = [line for line in shown.splitlines() if line.startswith(" harmless")]
        assert line.split()[-1] == "0.25"


async def test_a_feature_opens_the_pairs_whose_sides_differ_in_it(
    engine: FakeEngine, explorer: Opener
) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        await shows(pilot, "“harmless” adds")
        await pilot.press("enter")
        await shows(pilot, "last_response_is_harmless:differs", "by influence on harmless ↓")
        asked = engine.queries(PAIRS)[-1]
        assert asked.filter == "last_response_is_harmless:differs is:complete"
        assert asked.sort == "influence:last_response_is_harmless"


async def test_a_number_of_one_side_opens_the_pairs_with_it_on_that_side(
    engine: FakeEngine, explorer: Opener
) -> None:
    async with explorer() as pilot:
        await pilot.press("2")
        await shows(pilot, "“harmless” adds")
        await pilot.press("t", "enter")
        await until(pilot, lambda: bool(engine.queries(PAIRS)))
        assert engine.queries(PAIRS)[-1].filter == "last_response_is_harmless:chosen"


async def test_all_columns_fit_a_small_terminal(explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await pilot.press("2")
        await shows(pilot, "p post", "VIF", "95 % interval", "change")
        assert max(len(line) for line in screen_text(pilot).splitlines()) <= 80
