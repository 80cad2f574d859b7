"""The two clients: what they ask, and how they fail."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from engine.errors import Kind
from engine.wire.client import EngineClient, EngineGone, EngineProblem, Lost, SyncEngineClient
from engine.wire.endpoints import (
    MANIFEST,
    METRICS,
    PAIR,
    PAIR_ROWS,
    PAIRS,
    REWRITE,
    START,
    STATUS,
    STOP,
    STUDY,
)
from engine.wire.messages import (
    MetricsRequest,
    PairQuery,
    PairRequest,
    PairRowsRequest,
    RewriteRequest,
    RunStatus,
    StartRequest,
    StopRequest,
)

from .conftest import client_of
from .fake_engine import FakeEngine

pytestmark = pytest.mark.asyncio


async def test_every_endpoint_answers_with_its_type(engine: FakeEngine) -> None:
    async with client_of(engine) as client:
        assert (await client.ask(STATUS())).state == "done"
        assert (await client.ask(STUDY())).name == "harmless demo"
        assert (await client.ask(METRICS(MetricsRequest(preset="pair-fe")))).preset == "pair-fe"
        assert "versions" in await client.ask(MANIFEST())
        ids = await client.ask(PAIRS(PairQuery(filter="regime:resisted")))
        assert len(ids.ids) == ids.of == 24
        rows = await client.ask(PAIR_ROWS(PairRowsRequest(ids=ids.ids)))
        assert [row.pair_id for row in rows] == list(ids.ids)
        assert (await client.ask(PAIR(PairRequest(id=ids.ids[0])))).row == rows[0]
        assert (await client.ask(REWRITE(RewriteRequest(id=3)))).row.rewrite_id == 3
        assert (await client.ask(STOP(StopRequest()))).state == "stopped"
        assert (await client.ask(START(StartRequest()))).state == "running"
    assert engine.queries(METRICS) == [MetricsRequest(preset="pair-fe")]


async def test_a_problem_carries_the_engines_words_made_safe(engine: FakeEngine) -> None:
    engine.ready = False
    async with client_of(engine) as client:
        with pytest.raises(EngineProblem, match="not scored yet") as caught:
            await client.ask(METRICS(MetricsRequest()))
    assert caught.value.kind is Kind.NOT_READY


async def test_nobody_on_the_socket_is_engine_gone(tmp_path) -> None:  # type: ignore[no-untyped-def]
    async with EngineClient.at(tmp_path / "no.sock") as client:
        with pytest.raises(EngineGone):
            await client.ask(STATUS())


async def test_a_socket_that_cannot_be_found_is_engine_gone() -> None:
    def find() -> None:
        raise FileNotFoundError("no run here")

    async with EngineClient.at(find) as client:  # type: ignore[arg-type]
        with pytest.raises(EngineGone, match="no run here"):
            await client.ask(STATUS())


async def test_events_say_when_the_engine_is_lost_and_go_on_when_it_is_back(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.wire.client._RETRY_S", (0.0,))
    async with client_of(engine) as client:
        events = client.events()
        first = await anext(events)
        assert isinstance(first, RunStatus)
        engine.announce(state="running")
        second = await anext(events)
        assert isinstance(second, RunStatus) and second.state == "running"
        engine.die()
        assert isinstance(await anext(events), Lost)
        assert isinstance(await anext(events), Lost)
        engine.down = False
        while isinstance(again := await anext(events), Lost):
            pass
        assert again.state == "running"


async def test_events_say_when_the_engine_does_not_answer_and_go_on_when_it_does(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.wire.client.SILENCE_S", 0.05)
    engine.silent = True
    async with client_of(engine) as client:
        events = client.events()
        assert isinstance(await anext(events), RunStatus)
        lost = await anext(events)
        assert isinstance(lost, Lost) and lost.silent
        engine.announce(state="running")
        again = await anext(events)
        assert isinstance(again, RunStatus) and again.state == "running"


def answering(content: bytes, status: int = 200) -> SyncEngineClient:
    return SyncEngineClient(
        httpx.MockTransport(lambda request: httpx.Response(status, content=content))
    )


async def test_an_answer_of_another_version_is_a_problem_not_a_crash() -> None:
    with answering(b'{"nonsense": 1}') as client, pytest.raises(EngineProblem):
        client.ask(STATUS())


async def test_an_error_page_without_json_still_says_its_number() -> None:
    with answering(b"oops\x1b[2J", 500) as client, pytest.raises(EngineProblem, match="500"):
        client.ask(STATUS())


async def test_an_error_text_is_one_safe_line() -> None:
    body = msgspec.json.encode({"error": "bad \x1b[2J\nfile", "kind": "bad_input"})
    with answering(body, 422) as client, pytest.raises(EngineProblem) as caught:
        client.ask(STATUS())
    assert str(caught.value) == "bad ␛[2J ⏎ file"
    assert caught.value.kind is Kind.BAD_INPUT


async def test_the_sync_client_reads_the_same_events(engine: FakeEngine) -> None:
    line = b"data: " + msgspec.json.encode(engine.status()) + b"\n\n"
    with answering(b": hello\n\n" + line + line) as client:
        events = client.events()
        assert next(events) == engine.status()
        assert next(events) == engine.status()
        with pytest.raises(EngineGone):
            next(events)


async def test_line_separators_inside_an_event_do_not_cut_it(engine: FakeEngine) -> None:
    engine.warnings = ("a\u2028b\x85c\x0bd",)
    async with client_of(engine) as client:
        event = await anext(client.events())
    assert isinstance(event, RunStatus) and event.warnings == engine.warnings
