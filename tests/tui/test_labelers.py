"""Screen 6: agreement between labelers, and coefficients under each."""

from __future__ import annotations

import msgspec
import pytest

from tests import records

from .conftest import Opener, screen_text, shows, until
from .fake_engine import FakeEngine


async def test_agreement_stands_with_interval_and_prevalence(explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await pilot.press("6")
        shown = await shows(pilot, "main × gold · 1 of 3", "0.78", "91.0 %", "0.82", "0.62", "0.48")
        assert "●" in shown and "─" in shown and "PABAK" in shown
        assert max(map(len, shown.splitlines())) <= 80


async def test_low_agreement_is_marked_in_words_and_comes_first(explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await pilot.press("6")
        shown = await shows(pilot, "0.21 low eloquent", "0.38 low sentiment")
        assert "0.55 low" not in shown
        assert shown.index("0.21 low") < shown.index("0.38 low") < shown.index("0.55")
        assert "21 % of the way from chance to full agreement" in shown


@pytest.mark.parametrize("width", [80, 160])
async def test_coefficients_of_both_labelers_flag_a_change_of_sign(
    explorer: Opener, width: int
) -> None:
    async with explorer(width, 40) as pilot:
        await pilot.press("6")
        await shows(pilot, "main × gold")
        await pilot.press("t")
        shown = await shows(pilot, "+0.81", "−0.64", "+1.45", "SIGN", "differs", "post-D")
        assert shown.count("SIGN") == 1
        await shows(pilot, "The sign depends", "each estimate is significant")
        await pilot.press("o", "o")
        await shows(pilot, "pre-D", "+0.41", "−0.32")


async def test_both_lists_stand_on_the_same_feature_on_a_wide_screen(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("6")
        shown = await shows(pilot, "agree", "95 % interval", "flag")
        assert "▌eloquent" in shown
        await pilot.press("j")
        await shows(pilot, "▌sentiment", "“sentiment”: main and gold agree")
        await pilot.press("tab")
        await shows(pilot, "“sentiment” (post-D)")


async def test_one_key_goes_to_the_other_labelers_and_to_all_at_once(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("6", "p")
        await shows(pilot, "main × other · 2 of 3", "no coefficient could be estimated")
        await pilot.press("p")
        await shows(pilot, "3 of 3", "All labelers compared on 48 entries")
        await pilot.press("p")
        await shows(pilot, "main × gold · 1 of 3")


async def test_any_column_sorts(explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await pilot.press("6")
        await shows(pilot, "by κ ↑")
        await pilot.press("s")
        shown = await shows(pilot, "by feature ↑")
        assert shown.index("low eloquent") < shown.index("harmless")
        await pilot.press("r")
        await shows(pilot, "by feature ↓")


async def test_a_feature_opens_the_pairs_in_question(engine: FakeEngine, explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("6")
        await shows(pilot, "low eloquent")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.id == "resistance")
        await shows(pilot, "last_response_is_eloquent")


async def test_a_single_labeler_is_said_with_the_mend(engine: FakeEngine, explorer: Opener) -> None:
    tables = records.with_rows(engine.metrics.tables, stability=(), stability_imprint=())
    engine.metrics = msgspec.structs.replace(engine.metrics, tables=tables)
    async with explorer(80, 24) as pilot:
        await pilot.press("6")
        await shows(pilot, "only one labeler", "[labelers.gold]")
        await pilot.press("t", "s", "r", "p", "enter")
        assert pilot.app.return_code is None


async def test_before_the_measures_it_says_so(engine: FakeEngine, explorer: Opener) -> None:
    engine.ready, engine.state = False, "running"
    async with explorer(80, 24) as pilot:
        for key in ("6", "7"):
            await pilot.press(key)
            await shows(pilot, "not computed yet; “measure” does it")
            await pilot.press("t", "s", "enter", "j")
        engine.ready = True
        engine.announce(state="done")
        await until(pilot, lambda: "not computed" not in screen_text(pilot))
