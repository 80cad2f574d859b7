"""What the explorer shows while a run is on."""

from __future__ import annotations

import msgspec
import pytest

from seal_tui.explorer import clock
from seal_tui.explorer.app import SealApp

from .conftest import Opener, screen_text, shows, until
from .fake_engine import DONE_STAGES, FakeEngine, stage
from .test_overview import RUNNING

MEASURE = stage("compute the measures", "waiting", 0, 0)


NOT_YET = "not computed yet; “compute the measures” does it"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize(("pane", "parts"), [("2", 1), ("5", 1), ("6", 2), ("7", 4)])
async def test_a_pane_says_what_is_not_computed_yet_and_by_which_stage_it_will_be(
    engine: FakeEngine, explorer: Opener, pane: str, parts: int, size: tuple[int, int]
) -> None:
    engine.ready, engine.state, engine.stages = False, "running", (*RUNNING[:2], MEASURE)
    async with explorer(*size) as pilot:
        await pilot.press(pane)
        shown = await shows(pilot, NOT_YET)
        assert shown.count(NOT_YET) == (parts if size[0] == 120 else 1)
        for wrong in ("no labels", "no estimates", "no pairs", "nothing", "only one", "No score"):
            assert wrong not in shown
        engine.ready = True
        engine.announce(state="done", stages=DONE_STAGES)
        await until(pilot, lambda: "not computed yet" not in screen_text(pilot))


async def test_pairs_that_are_not_read_yet_are_said_to_be_so(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.ready, engine.state = False, "running"
    engine.stages = (stage("read pairs", "running", 12, 0), MEASURE)
    async with explorer(80, 24) as pilot:
        await pilot.press("3")
        await shows(pilot, "not read yet; “read pairs” does it")


async def test_a_pane_of_a_stopped_run_does_not_promise_anything(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.ready, engine.state, engine.stages = False, "stopped", (*RUNNING[:2], MEASURE)
    async with explorer(120, 40) as pilot:
        await pilot.press("2")
        await shows(pilot, "not computed; the stage “compute the measures” was not")


async def test_the_time_left_in_all_stands_beside_that_of_the_stage(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.ready, engine.state, engine.stages = False, "running", RUNNING
    engine.left = (95.0, True)
    async with explorer(80, 24) as pilot:
        await shows(pilot, "11s left", "Run · 4m12s · at least 1m35s left in all")
        engine.announce(left=(90.0, False))
        await shows(pilot, "Run · 4m12s · 1m30s left in all")


async def test_the_clock_goes_on_between_two_events(engine: FakeEngine, explorer: Opener) -> None:
    engine.ready, engine.state, engine.stages = False, "running", RUNNING
    engine.left = (95.0, True)
    async with explorer(120, 40) as pilot:
        app = pilot.app
        assert isinstance(app, SealApp)
        await shows(pilot, "11s left", "4m12s")
        heard = app.session._heard
        app.session.clock = lambda: heard + 3
        app.tick()
        await shows(pilot, "8s left", "Run · 4m15s · at least 1m32s left in all")


async def test_the_clock_ticks_only_while_a_run_is_on(engine: FakeEngine, explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        app = pilot.app
        assert isinstance(app, SealApp)
        await shows(pilot, "2,317")
        assert app._ticking is None
        engine.announce(state="running", stages=RUNNING)
        await until(pilot, lambda: app._ticking is not None)
        engine.announce(state="done", stages=DONE_STAGES)
        await until(pilot, lambda: app._ticking is None)


def test_an_estimate_that_has_run_out_is_not_shown(engine: FakeEngine) -> None:
    engine.state, engine.stages, engine.left = "running", RUNNING, (95.0, False)
    status = clock.later(engine.status(), 20)
    label = next(one for one in status.stages if one.state == "running")
    assert label.eta_s is None
    assert (status.left_s, status.elapsed_s) == (75.0, 272.0)
    waiting = msgspec.structs.replace(label, waits_for="the server", waits_s=4.0)
    status = msgspec.structs.replace(status, stages=(waiting,))
    assert clock.later(status, 2).stages[0].waits_s == 6.0
