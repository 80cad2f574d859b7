"""The run without the explorer."""

from __future__ import annotations

import io
from typing import Any

import httpx
import msgspec
import pytest
from rich.console import Console

from engine.wire.client import EngineGone, SyncEngineClient
from engine.wire.messages import RunStatus
from seal_tui.cli import headless

from . import fake_study
from .fake_engine import DONE_STAGES, FakeEngine, stage


def statuses() -> list[RunStatus]:
    engine = FakeEngine()
    found = []

    def now(state: str, *stages: Any) -> None:
        engine.state, engine.stages = state, stages
        engine.version += 1
        found.append(engine.status())

    waiting = stage("score", "waiting", 0, 96)
    now("running", stage("label", "waiting", 0, 48), waiting)
    for done in (0, 12, 24, 36):
        now("running", stage("label", "running", done, 48, rate=3.2, eta_s=11.0), waiting)
    now("running", stage("label", "done", 48, 48, seconds=12.0), waiting)
    now("done", stage("label", "done", 48, 48, seconds=12.0), DONE_STAGES[2])
    return found


def client_saying(events: list[RunStatus]) -> SyncEngineClient:
    body = b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events)
    return SyncEngineClient(httpx.MockTransport(lambda request: httpx.Response(200, content=body)))


def console(terminal: bool) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=100, highlight=False, _environ={}
    )


def text_of(made: Console) -> str:
    assert isinstance(made.file, io.StringIO)
    return made.file.getvalue()


def test_a_pipe_gets_a_line_when_a_stage_begins_or_ends_and_every_ten_seconds() -> None:
    ticks = iter(range(0, 1000, 6))
    pipe = console(terminal=False)
    with client_saying(statuses()) as client:
        last = headless.follow_run(client, pipe, clock=lambda: next(ticks))
    assert last.state == "done"
    lines = text_of(pipe).splitlines()
    assert lines[1] == "label: running · 0 of 48 entries · 3.2/s · 11s left"
    assert "label: done · 48 of 48 entries · 12s" in lines
    assert lines[-1] == "run done in 4m12s"
    between = [line for line in lines if line.startswith("label: running")]
    assert 1 < len(between) < 4
    assert "\x1b" not in text_of(pipe)


def test_a_stage_that_waits_says_for_what_in_place_of_its_rate() -> None:
    first = statuses()[0]
    stage = msgspec.structs.replace(
        first.stages[0], state="running", done=3, total=48, rate=1.0, eta_s=45.0
    )
    stage = msgspec.structs.replace(
        stage, waits_for="an answer of http://gpu\x1b[2J:8000/v1", waits_s=95.0
    )
    assert (
        headless._stage_line(stage)
        == "label: running · 3 of 48 entries · waiting 1m35s for an answer of http://gpu␛[2J:8000/v1"
    )


def test_a_terminal_gets_a_board_drawn_in_place() -> None:
    terminal = console(terminal=True)
    with client_saying(statuses()) as client:
        headless.follow_run(client, terminal)
    shown = text_of(terminal)
    assert "12 of 48 entries · 3.2/s · 11s left" in shown
    assert "█" in shown and "run done in 4m12s" in shown


def test_a_lost_engine_is_tried_again_and_then_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headless, "_RETRY_S", (0.0, 0.0))
    asked = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ConnectError("refused")

    with (
        SyncEngineClient(httpx.MockTransport(refuse)) as client,
        pytest.raises(EngineGone, match="refused"),
    ):
        headless.follow_run(client, console(terminal=False))
    assert asked == ["/events"] * 3


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "log"])
def test_a_silent_engine_is_named_and_waited_for(terminal: bool) -> None:
    lines = [b"data: " + msgspec.json.encode(status) + b"\n\n" for status in statuses()]
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) <= 12:  # more often than a lost engine is tried
            raise httpx.ReadTimeout("nothing came")
        return httpx.Response(200, content=b"".join(lines))

    out = console(terminal=terminal)
    with SyncEngineClient(httpx.MockTransport(answer)) as client:
        assert headless.follow_run(client, out).state == "done"
    assert text_of(out).count("the engine does not answer; waiting for it") == 1


def test_the_summary_is_aligned_and_plain() -> None:
    out = console(terminal=False)
    headless.print_summary(fake_study.METRICS, fake_study.STUDY, FakeEngine().status(), out)
    lines = text_of(out).splitlines()
    assert "  pre     44.6 %  42.6 to 46.6      55.4 %         –     3         0  2,312" in lines
    assert "  post    72.1 %  70.3 to 73.9      27.9 %    58.4 %     0         4  2,312" in lines
    assert any("44.6 % of the pairs, the one after it in 72.1 %" in line for line in lines)
    cells = ["resisted", "22", "301", "97", "0", "420", "18.1", "%"]
    assert any(line.split() == cells for line in lines)
    assert any(line.split()[:4] == ["harmless", "−0.85", "+2.09", "+2.94"] for line in lines)
    assert any("turns less positive" in line and "+11.7" in line for line in lines)
    assert any(line.split() == ["no", "assistant", "turn", "2"] for line in lines)


def test_the_summary_shows_hostile_names_harmlessly() -> None:
    study = msgspec.structs.replace(fake_study.STUDY, name="a\x1b]52;c;x\x07[/INST]\u202e")
    out = console(terminal=False)
    headless.print_summary(fake_study.METRICS, study, FakeEngine().status(), out)
    assert "a␛]52;c;x␇[/INST]⟨U+202E⟩" in text_of(out)
    assert "\x1b" not in text_of(out)
