"""Starting, stopping and what made the results, from the explorer."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from textual.events import Key
from textual.pilot import Pilot

from engine.wire.endpoints import PLAN as LOOK_AHEAD
from engine.wire.endpoints import START, STOP
from engine.wire.messages import RunPlan, StagePlan
from seal_tui.explorer import input_queue
from seal_tui.explorer.screens.dialogs import ConfirmScreen
from seal_tui.text.safe import Safe

from .conftest import Opener, screen_text, shows, until
from .fake_engine import FakeEngine
from .packets import Typist
from .test_overview import RUNNING

PLAN = RunPlan(
    stages=(
        StagePlan(name="a", label="label · main", unit="entries", reused=10, computed=38, before=5),
        StagePlan(name="b", label="score · \x1b[2Jpre", unit="entries", reused=48, computed=0),
        StagePlan(
            name="c", label="embed", unit="entries", reused=0, computed=7, before=0, at_most=True
        ),
    )
)


async def test_the_manifest_is_shown_in_full_and_harmless(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.record = {"lineage": "[red]continued[/] \x1b[2J from pre", "packages": {"torch": "2"}}
    async with explorer() as pilot:
        await shows(pilot, "2,317")
        await pilot.press("m")
        shown = await shows(pilot, "manifest.json", '"torch": "2"')
        assert "[red]continued[/] \\u001b[2J from pre" in shown
        await pilot.press("escape")
        await until(pilot, lambda: "manifest.json" not in screen_text(pilot))


async def run_only_after_a_yes(pilot: Pilot[None], engine: FakeEngine, question: str) -> None:
    """Of a question that is on the screen."""
    await pilot.press("n")
    await until(pilot, lambda: question not in screen_text(pilot))
    assert not engine.queries(START)
    await pilot.press("R")
    await shows(pilot, question)
    await pilot.press("y")
    await until(pilot, lambda: engine.state == "running")


async def test_a_changed_study_is_run_only_after_its_plan_was_shown(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.state, engine.planned = "stopped", PLAN
    engine.study = msgspec.structs.replace(engine.study, changed=True)
    async with explorer() as pilot:
        await pilot.press("R")
        shown = await shows(pilot, "Run the changed study?")
        assert "10 reused · 38 entries to compute · 5 of them were computed with other" in shown
        assert "score · ␛[2Jpre" in shown
        assert "at most 7 entries to compute" in shown
        await run_only_after_a_yes(pilot, engine, "Run the changed study?")


async def test_a_changed_study_that_computes_nothing_anew_just_runs(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.study = msgspec.structs.replace(engine.study, changed=True)
    async with explorer() as pilot:
        await shows(pilot, "2,317")
        await pilot.press("R")
        await until(pilot, lambda: engine.state == "running")


async def test_a_stop_that_waits_for_its_batch_can_drop_it(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.ready, engine.state, engine.stages, engine.slow = False, "running", RUNNING, True
    async with explorer() as pilot:
        await shows(pilot, "12 of 48")
        await pilot.press("S", "y")
        await shows(pilot, "stopping")
        await pilot.press("S")
        await shows(pilot, "Discard the batch and stop")
        await pilot.press("y")
        await shows(pilot, "run stopped")
        assert [request.now for request in engine.queries(STOP)] == [False, True]


async def test_a_study_of_somebody_else_is_run_only_after_what_it_calls_was_shown(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.state = "stopped"
    engine.calls = ("calls http://\x1b[2Jelsewhere with the key in SOME_KEY", "reads /etc/passwd")
    async with explorer() as pilot:
        await shows(pilot, "2,317")
        await pilot.press("R")
        shown = await shows(pilot, "not written on this machine", "Run it?")
        assert "calls http://␛[2Jelsewhere with the key in SOME_KEY" in shown
        assert "reads /etc/passwd" in shown
        await run_only_after_a_yes(pilot, engine, "Run it?")


async def test_a_study_that_calls_very_much_can_be_read_to_its_end(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.state, engine.calls = "stopped", tuple(f"reads /place/{n}" for n in range(200))
    async with explorer() as pilot:
        await shows(pilot, "2,317")
        await pilot.press("R")
        await shows(pilot, "reads /place/3")
        await pilot.press("end")
        await shows(pilot, "reads /place/199", "Run it?")
        await pilot.press("y")
        await until(pilot, lambda: engine.state == "running")


async def test_a_changed_study_of_somebody_else_is_run_after_both_questions(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.state, engine.planned, engine.calls = "stopped", PLAN, ("reads /etc/passwd",)
    engine.study = msgspec.structs.replace(engine.study, changed=True)
    async with explorer() as pilot:
        await pilot.press("R")
        await shows(pilot, "not written on this machine", "Run it?")
        await pilot.press("y")
        await shows(pilot, "Run the changed study?")
        await pilot.press("y")
        await until(pilot, lambda: engine.state == "running")


# ---------------------------------------------------------- no key answers what is not yet shown


@pytest.mark.parametrize("yes", ["y", "\r\r"])
@pytest.mark.parametrize(
    ("calls", "question"),
    [((), "Run the changed study?"), (("reads /etc/passwd",), "not written on this machine")],
)
async def test_a_key_typed_ahead_starts_no_run(
    engine: FakeEngine, explorer: Opener, calls: tuple[str, ...], question: str, yes: str
) -> None:
    engine.state, engine.planned, engine.calls = "stopped", PLAN, calls
    engine.study = msgspec.structs.replace(engine.study, changed=True)
    async with explorer() as pilot:
        typist = Typist(pilot)
        await typist.settled()
        typist.send(f"R{yes}")
        await typist.settled()
        assert question in screen_text(pilot)
        assert not engine.queries(START) and not (calls and engine.queries(LOOK_AHEAD))


async def test_a_key_pressed_while_the_engine_looks_ahead_starts_no_run(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.state, engine.planned = "stopped", PLAN
    engine.study = msgspec.structs.replace(engine.study, changed=True)
    engine.held, engine.holds = asyncio.Event(), (LOOK_AHEAD,)
    async with explorer() as pilot:
        typist = Typist(pilot)
        await typist.settled()
        typist.send("R")
        await shows(pilot, "Looking ahead", "esc cancels")
        typist.send("y\r")
        engine.held.set()
        await typist.settled()
        assert "Run the changed study?" in screen_text(pilot)
        assert not engine.queries(START)
        typist.send("y")
        await until(pilot, lambda: engine.state == "running")


async def test_looking_ahead_can_be_given_up(
    engine: FakeEngine, explorer: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_queue, "AHEAD_S", 0.0)
    engine.state, engine.planned = "stopped", PLAN
    engine.study = msgspec.structs.replace(engine.study, changed=True)
    engine.held, engine.holds = asyncio.Event(), (LOOK_AHEAD,)
    async with explorer() as pilot:
        typist = Typist(pilot)
        await typist.settled()
        typist.send("R")
        await shows(pilot, "Looking ahead")
        typist.send("\x1b")
        await until(pilot, lambda: "Looking ahead" not in screen_text(pilot))
        engine.held.set()
        await typist.settled()
        assert len(pilot.app.screen_stack) == 1 and not engine.queries(START)


async def test_a_question_takes_no_key_from_before_it_was_drawn(explorer: Opener) -> None:
    async with explorer() as pilot:
        early = [Key(key, key) for key in ("y", "enter", "n", "escape")]
        answers: list[bool | None] = []
        question = ConfirmScreen(Safe("Run it?"))
        await pilot.app.push_screen(question, answers.append)
        await Typist(pilot).settled()
        for key in early:
            pilot.app.post_message(key)
        await Typist(pilot).settled()
        assert pilot.app.screen is question and answers == []
        Typist(pilot).send("y")
        await until(pilot, lambda: answers == [True])
