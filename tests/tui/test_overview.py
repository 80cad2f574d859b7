"""Screen 1: progress first, numbers when there are any."""

from __future__ import annotations

import re

import msgspec
import pytest

from engine.results.records import REGIMES
from engine.wire.endpoints import PAIRS, REWRITES, STOP
from seal_tui.explorer.widgets.matrix import Matrix
from seal_tui.explorer.widgets.rows import RowList
from tests import records

from .conftest import Opener, screen_text, shows, until
from .fake_engine import DONE_STAGES, FakeEngine, stage

RUNNING = (
    stage("read", "done", 24, 24, seconds=0.4),
    stage("label", "running", 12, 48, rate=3.2, eta_s=11.0, where="cuda:0"),
    stage("score", "waiting", 0, 96),
)


async def test_the_numbers_of_a_finished_run_are_on_one_page(explorer: Opener) -> None:
    async with explorer() as pilot:
        shown = await shows(pilot, "44.6 %", "72.1 %", "55.4 %", "±1.8", "ties 3 → 0")
        assert "change +27.5 points (p <0.001)" in shown and "within the noise 0 → 4" in shown
        assert "26 rows · 2 skipped (x) · 24 pairs · 24 scored · 1 truncated" in shown
        assert "12 rewritten, 11 used" in shown
        assert "stayed" in shown and "1,619" in shown and "2,317" in shown
        assert "harmless" in shown and "−0.85" in shown and "+2.94" in shown
        assert "a chosen answer that turns less positive" in shown and "+11.7 pts" in shown
        assert "label agreement with gold is low" in shown
        assert "run done 4m12s" in shown


async def test_an_unfinished_run_shows_how_far_it_is(engine: FakeEngine, explorer: Opener) -> None:
    engine.ready, engine.state, engine.stages = False, "running", RUNNING
    async with explorer() as pilot:
        shown = await shows(
            pilot, "12 of 48 entries", "3.2/s", "11s left", "on cuda:0", "label 25 %"
        )
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
        assert engine.queries(PAIRS)[-1].filter == "regime:reversed opinion:r"


async def test_the_sum_of_a_row_opens_the_whole_regime(
    engine: FakeEngine, explorer: Opener
) -> None:
    async with explorer(80, 24) as pilot:
        await shows(pilot, "2,317")
        await pilot.press("l", "l", "l", "enter")
        await shows(pilot, "regime:resisted")
        assert engine.queries(PAIRS)[-1].filter == "regime:resisted"


async def test_a_strong_imprint_opens_its_coefficient(explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "+2.94")
        await pilot.press("tab", "down", "enter")
        await shows(pilot, "feature imprint on rewards")
        await shows(pilot, "“breaks privacy” subtracts 1.10 points under post-D")


async def test_a_score_opens_its_rewrites(engine: FakeEngine, explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "+11.7 pts")
        await pilot.press("tab", "tab", "enter")
        await shows(pilot, "lost_chosen:last_response_sentiment is:used")
        assert engine.queries(REWRITES)[-1].filter == "lost_chosen:last_response_sentiment is:used"


async def test_help_explains_the_cell_under_the_cursor(explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "2,317")
        await pilot.press("question_mark")
        await shows(pilot, "22 pairs (0.9 %)", "Columns: whether", "open its pairs")
        await pilot.press("escape")
        await until(pilot, lambda: "Columns: whether" not in screen_text(pilot))


async def test_stopping_asks_first(engine: FakeEngine, explorer: Opener) -> None:
    engine.ready, engine.state, engine.stages = False, "running", RUNNING
    async with explorer() as pilot:
        await shows(pilot, "12 of 48")
        await pilot.press("S")
        await shows(pilot, "Stop the run?")
        await pilot.press("n")
        await pilot.press("S", "y")
        await shows(pilot, "run stopped")
        assert len(engine.queries(STOP)) == 1
        await pilot.press("R")
        await until(pilot, lambda: engine.state == "running")


# ---------------------------------------------------------------- warnings, rows left out, tables


async def test_warnings_are_a_count_on_a_small_screen_and_open_in_full(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.warnings = tuple(f"warning number {n} " + "goes on and on " * 9 for n in range(7))
    async with explorer(80, 24) as pilot:
        shown = await shows(pilot, "7 warnings · w", "2,317")
        assert "What the reward model learned" in shown and "number 1" not in shown
        await pilot.press("w")
        await shows(pilot, "warning number 1")
        await pilot.press("G")
        await shows(pilot, "warning number 6")
        await pilot.press("escape")
        await shows(pilot, "7 warnings · w")


async def test_a_tall_screen_shows_the_warnings_themselves(explorer: Opener) -> None:
    async with explorer() as pilot:
        shown = await shows(pilot, "Caveats", "(κ 0.21)")
        assert "warnings ·" not in shown


async def test_rows_left_out_are_listed(explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await shows(pilot, "2 skipped (x)")
        await pilot.press("x")
        shown = await shows(pilot, "skipped rows · 2", "no assistant turn", "in chosen")
        assert "The conversation has no assistant turn" in shown and '{"chosen"' in shown
        await pilot.press("escape")
        await shows(pilot, "2,317")


async def test_without_rows_left_out_there_is_nothing_to_open(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.rejects = {}
    async with explorer() as pilot:
        await shows(pilot, "2,317")
        await pilot.press("x")
        await pilot.pause()
        assert pilot.app.screen.id == "overview"


async def test_every_table_is_a_key_away_and_read_out(explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "2,317")
        await pilot.press("T")
        await shows(pilot, "alignment", "robustness_drift", "dropped")
        names = pilot.app.screen.query_one("#names", RowList)
        seen = {}
        for name in list(names._keys):
            await until(pilot, lambda name=name: names.current == name)  # type: ignore[misc]
            await pilot.pause()
            seen[name] = pilot.app.screen.interpretation()  # type: ignore[attr-defined]
            await pilot.press("down")
        assert all(seen.values()), seen
        assert "72.1 %" not in seen["alignment"] and "44.6 %" in seen["alignment"]
        assert seen["resistance_by_ambiguity"].startswith("Band 10 of ambiguity, 1.60 to 2.00 bits")
        assert "0.78 (95 % interval 0.67 to 0.87)" in seen["stability"]


async def test_a_record_shows_all_its_fields(explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await shows(pilot, "2,317")
        await pilot.press("T")
        await until(pilot, lambda: pilot.app.screen.id == "tables")
        names = pilot.app.screen.query_one("#names", RowList)
        await shows(pilot, "stability_imprint")
        names.go_to("tests")
        await pilot.press("enter")
        await shows(pilot, "mcnemar aligned pre against post", "p <0.001: significant at 5 %")
        await pilot.press("enter")
        shown = await shows(pilot, "details share_second", "0.721", "record")
        assert "details plus" not in shown
        await pilot.press("escape", "escape")
        await shows(pilot, "contents")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen.id == "overview")


async def test_the_key_of_the_overview_leads_back_to_it(explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "2,317")
        await pilot.press("T")
        await until(pilot, lambda: pilot.app.screen.id == "tables")
        await pilot.press("2", "1")
        await until(pilot, lambda: pilot.app.screen.id == "tables")
        await pilot.press("1")
        await until(pilot, lambda: pilot.app.screen.id == "overview")


async def test_the_focused_number_is_read_out(explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await shows(pilot, "22 pairs (0.9 %): resisted")
        await pilot.press("tab")
        await shows(pilot, "training raised its worth by 2.94 reward points")
        await pilot.press("tab")
        await shows(pilot, "less positive becomes misaligned 11.7")


@pytest.mark.parametrize("width", [80, 99, 100, 104, 108, 119, 120, 160, 220])
async def test_the_regimes_never_wrap_and_no_heading_is_cut(explorer: Opener, width: int) -> None:
    async with explorer(width, 40) as pilot:
        shown = await shows(pilot, "2,317", "labeler:")
        lines = shown.splitlines()
        head = next(i for i, line in enumerate(lines) if "labeler:" in line)
        assert re.search(r"labeler: +chosen +indifferent +rejected +all", lines[head])
        for regime, line in zip((*REGIMES, "all"), lines[head + 1 :], strict=False):
            assert re.match(rf" ?{regime}(?: +[\d,]+(?: [▁▂▃▄▅▆▇█])?){{4}}(?: |$)", line), line


async def test_a_long_stage_leaves_the_tabs_and_its_share(
    engine: FakeEngine, explorer: Opener
) -> None:
    label = "label_conversations_with_the_careless_second_labeler"
    engine.ready, engine.state = False, "running"
    engine.stages = (stage(label, "running", 12, 48),)
    async with explorer(120, 30) as pilot:
        shown = await shows(pilot, "25 %")
        first = shown.splitlines()[0]
        assert "7 plots" in first and "label con" in first and first.endswith("… 25 %")


async def test_what_a_limit_left_out_and_why_there_is_no_score_are_said(
    engine: FakeEngine, explorer: Opener
) -> None:
    tables = records.with_rows(engine.metrics.tables, robustness=())
    engine.metrics = msgspec.structs.replace(engine.metrics, tables=tables)
    engine.study = msgspec.structs.replace(engine.study, rewritten=34, rewritten_used=21)
    engine.counts = {**engine.counts, "rows": 2312, "pairs": 150, "usable pairs": 2308}
    async with explorer() as pilot:
        await shows(pilot, "150 pairs, a sample of 2,308")
        await shows(pilot, "no score from 34 rewritten pairs, of which 13 are left out")
