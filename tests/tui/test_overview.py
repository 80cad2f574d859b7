"""Screen 1: progress first, numbers when there are any."""

from __future__ import annotations

from engine.messages import PairQuery
from seal_tui.widgets.matrix import Matrix

from .conftest import Opener, screen_text, shows, until
from .fake_engine import DONE_STAGES, FakeEngine, stage

RUNNING = (
    stage("read", "done", 24, 24, seconds=0.4),
    stage("label", "running", 12, 48, rate=3.2, eta_s=11.0),
    stage("score", "waiting", 0, 96),
)


async def test_the_numbers_of_a_finished_run_are_on_one_page(explorer: Opener) -> None:
    async with explorer() as pilot:
        shown = await shows(pilot, "44.6 %", "72.1 %", "55.4 %", "±1.8", "ties: 3 pre")
        assert "stayed" in shown and "1,619" in shown and "2,317" in shown
        assert "harmless" in shown and "−0.85" in shown and "+2.94" in shown
        assert "a chosen answer that turns less positive" in shown and "+11.7 pts" in shown
        assert "label agreement with gold is low" in shown
        assert "no assistant turn 2" in shown
        assert "run done 4m12s" in shown


async def test_an_unfinished_run_shows_how_far_it_is(engine: FakeEngine, explorer: Opener) -> None:
    engine.ready, engine.state, engine.stages = False, "running", RUNNING
    async with explorer() as pilot:
        shown = await shows(pilot, "12 of 48 entries", "3.2/s", "11s left", "label 25 %")
        assert "Alignment" not in shown
        assert "stop the run" in shown


async def test_the_numbers_appear_when_the_run_ends(engine: FakeEngine, explorer: Opener) -> None:
    engine.ready, engine.state, engine.stages = False, "running", RUNNING
    async with explorer() as pilot:
        await shows(pilot, "12 of 48 entries")
        engine.announce(stages=(RUNNING[0], stage("label", "running", 30, 48)))
        await shows(pilot, "30 of 48 entries")
        engine.ready = True
        engine.announce(state="done", stages=DONE_STAGES)
        shown = await shows(pilot, "72.1 %", "run done")
        assert "of 48 entries" not in shown


async def test_progress_of_a_failed_run_says_why(engine: FakeEngine, explorer: Opener) -> None:
    engine.ready, engine.state = False, "failed"
    engine.error = "the labeler's endpoint refused the key"
    engine.stages = (RUNNING[0], stage("label", "failed", 12, 48))
    async with explorer(80, 24) as pilot:
        await shows(pilot, "refused the key", "run failed", "start or resume")


async def test_a_cell_opens_its_pairs(engine: FakeEngine, explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "2,317")
        matrix = pilot.app.screen.query_one(Matrix)
        assert matrix.has_focus
        await pilot.press("right", "right", "j", "enter")
        await shows(pilot, "regime:reversed opinion:r")
        assert engine.queries("pairs")[-1] == PairQuery(regime="reversed", opinion="r")


async def test_the_sum_of_a_row_opens_the_whole_regime(
    engine: FakeEngine, explorer: Opener
) -> None:
    async with explorer(80, 24) as pilot:
        await shows(pilot, "2,317")
        await pilot.press("l", "l", "l", "enter")
        await shows(pilot, "regime:resisted")
        assert engine.queries("pairs")[-1] == PairQuery(regime="resisted")


async def test_a_strong_imprint_opens_its_coefficient(explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "+2.94")
        await pilot.press("tab", "down", "enter")
        await shows(pilot, "feature imprint on rewards")
        await shows(pilot, "“breaks privacy” takes 1.10 points away under post-D")


async def test_a_score_opens_its_rewrites(engine: FakeEngine, explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "+11.7 pts")
        await pilot.press("tab", "tab", "enter")
        await shows(pilot, "feature:last_response_sentiment")
        assert engine.queries("rewrites")[-1].feature == "last_response_sentiment"


async def test_help_explains_the_cell_under_the_cursor(explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "2,317")
        await pilot.press("question_mark")
        await shows(pilot, "22 pairs (0.9 %)", "likely errors of the data", "open its pairs")
        await pilot.press("escape")
        await until(pilot, lambda: "likely errors" not in screen_text(pilot))


async def test_stopping_asks_first(engine: FakeEngine, explorer: Opener) -> None:
    engine.ready, engine.state, engine.stages = False, "running", RUNNING
    async with explorer() as pilot:
        await shows(pilot, "12 of 48")
        await pilot.press("S")
        await shows(pilot, "Stop the run?")
        await pilot.press("n")
        await pilot.press("S", "y")
        await shows(pilot, "run stopped")
        assert [name for name, _ in engine.asked].count("stop") == 1
        await pilot.press("R")
        await until(pilot, lambda: engine.state == "running")
