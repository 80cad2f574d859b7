"""The engine's door: requests of every kind to every endpoint, and clients that behave badly.

`make fault` sends 10,000 requests (FAULT_REQUESTS), `make test` a few hundred.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings

from engine.errors import Kind
from engine.service import Engine
from engine.wire.client import EngineClient, EngineProblem, SyncEngineClient
from engine.wire.endpoints import (
    ENDPOINTS,
    MARK,
    MARK_LOG,
    PAIR_ROWS,
    PAIRS,
    STATUS,
    UNDO,
    Endpoint,
)
from engine.wire.messages import (
    LogRequest,
    MarkChange,
    MarkEvent,
    MarkRequest,
    PairQuery,
    PairRowsRequest,
    Problem,
    StopRequest,
    UndoRequest,
)
from engine.wire.protocol import ImpatientProtocol
from engine.wire.requests import too_deep
from engine.wire.server import BODY_LIMIT, Activity, create_app
from tests.fault.conftest import KILLS, Tally
from tests.fault.fuzz import Sent, requests
from tests.tui import recorded

pytestmark = pytest.mark.fault("requests")

REQUESTS = int(os.environ.get("FAULT_REQUESTS", "10000" if KILLS else "330"))
REFUSED = {400, 404, 405, 408, 409, 413, 422, 503}


class Door:
    """The application of a small finished run, asked in this process."""

    def __init__(self, engine: Engine) -> None:
        engine.on_shutdown = lambda: None
        app = create_app(engine, Activity())
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://engine", timeout=60)
        self.loop = asyncio.new_event_loop()

    def ask(self, sent: Sent) -> httpx.Response:
        return self.loop.run_until_complete(
            self.http.request(sent.method, sent.path, content=sent.body)
        )

    def close(self) -> None:
        self.loop.run_until_complete(self.http.aclose())
        self.loop.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded.build(tmp_path_factory.mktemp("door"))


@pytest.fixture(scope="module")
def door(folder: Path) -> Iterator[Door]:
    engine = Engine(folder)
    made = Door(engine)
    yield made
    engine.exports.cancel()
    engine.stop(StopRequest(now=True))
    engine.join()
    made.close()
    engine.close()


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Places that a request may name: to write to, and to read from."""
    folder = tmp_path_factory.mktemp("named")
    (folder / "taken.jsonl").write_text("{}\n")
    (folder / "noise").write_bytes(bytes(range(256)) * 8)
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "loop").symlink_to(folder / "loop")
    return (
        folder,
        folder / "new.jsonl",
        folder / "\x1b]0;x\x07\u202e.csv",
        folder / "taken.jsonl",
        folder / "noise",
        folder / "pipe.jsonl",
        folder / "loop",
        folder / "gone" / "x.md",
        Path("/dev/zero"),
        Path("relative"),
        Path(""),
    )


def _check(endpoint: Endpoint[Any, Any], sent: Sent, response: httpx.Response) -> bool:
    """Whether it was answered; False: refused. Anything else fails."""
    shown = f"{sent.method} {sent.path[:200]} {sent.body[:200]!r}: {response.text[:300]}"
    if response.status_code == 200:
        msgspec.json.decode(response.content, type=endpoint.answer)
        return True
    assert response.status_code in REFUSED, shown
    said = msgspec.json.decode(response.content, type=Problem).error
    assert said and "\n" not in said, shown
    return False


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_any_request_is_answered_or_refused_in_one_line(
    endpoint: Endpoint[Any, Any], door: Door, paths: tuple[Path, ...], tally: Tally
) -> None:
    count = -(-REQUESTS // len(ENDPOINTS))

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=not KILLS,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(endpoint, paths))
    def send(sent: Sent) -> None:
        answered = _check(endpoint, sent, door.ask(sent))
        tally.add(1, survived=answered, refused=not answered)

    send()


@pytest.mark.parametrize(
    "body",
    [b"[" * 10**6, b'{"study":' * 10**5, b'{"study":' + b"[" * 10**5],
    ids=["lists", "objects", "lists in an object"],
)
@pytest.mark.parametrize("endpoint", [row for row in ENDPOINTS if row.method == "POST"], ids=str)
def test_deep_nesting_is_refused_in_one_line(
    endpoint: Endpoint[Any, Any], body: bytes, door: Door
) -> None:
    sent = Sent("POST", endpoint.path, body)
    assert not _check(endpoint, sent, door.ask(sent))


def test_brackets_within_strings_are_no_nesting() -> None:
    words = b",".join(b'"\\"[[[{{{\\\\"' for _ in range(1_000))
    assert not too_deep(b'{"a":[' + words + b"]}")
    assert too_deep(b'{"a":"[]","b":' + b"[" * 40)
    assert not too_deep(b'"' + b'\\"[' * 500_000)  # a string without an end, looked at once


def test_a_body_beyond_the_limit_is_refused(door: Door) -> None:
    sent = Sent("POST", "/pairs/rows", b'{"ids":[' + b"1," * (BODY_LIMIT // 2) + b"1]}")
    response = door.ask(sent)
    assert response.status_code == 413
    assert "at most 8 MB" in msgspec.json.decode(response.content, type=Problem).error


# ---------------------------------------------------------------- on a real socket


@contextlib.contextmanager
def connected(path: Path, sent: bytes) -> Iterator[socket.socket]:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
        made.settimeout(30)
        made.connect(str(path))
        made.sendall(sent)
        yield made


def answer_to(path: Path, sent: bytes) -> bytes:
    with connected(path, sent) as made:
        made.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while part := made.recv(65536):
                received += part
    return received


@pytest.fixture
def at(folder: Path, tmp_path: Path, start: Callable[[Path], Path]) -> Path:
    """The socket of an engine process with a run of its own."""
    return start(Path(shutil.copytree(folder, tmp_path / "run")))


def test_what_is_not_http_ends_its_connection_and_nothing_else(at: Path) -> None:
    for noise in (
        b"\x00" * 1_000,
        b"GET /status\r\n\r\n",
        b"GET /status HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /pairs HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZZ\r\n",
        b"GET /" + b"x" * 200_000,
        b"GET /status HTTP/1.1\r\n" + b"x: y\r\n" * 50_000,
        bytes(range(256)) * 300,
    ):
        with contextlib.suppress(BrokenPipeError):
            said = answer_to(at, noise)
            assert said == b"" or said.startswith(b"HTTP/1.1 4"), said[:200]
    with SyncEngineClient.at(at) as client:
        assert client.ask(STATUS()).state == "done"


def test_slow_clients_do_not_hold_others(at: Path) -> None:
    begun = b"POST /pairs HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connected(at, b"GET /sta"))
            stack.enter_context(connected(at, begun))
            # Asks for everything and reads nothing.
            stack.enter_context(connected(at, b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n"))
        with SyncEngineClient.at(at) as client:
            assert len(client.ask(PAIRS(PairQuery())).ids) == 24


async def test_a_connection_without_a_request_is_closed(tmp_path: Path) -> None:
    class Hasty(ImpatientProtocol):
        limit_s = 0.05

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"here"})

    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        path = f"{short}/s"
        config = uvicorn.Config(app, uds=path, http=Hasty, lifespan="off", log_level="error")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        for sent in (b"", b"GET /", b"GET / HTTP/1.1\r\nhost:"):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(sent)
            assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"here" in await asyncio.wait_for(reader.readuntil(b"here"), 20)
        writer.close()
        server.should_exit = True
        await serving


CLIENTS = 50
PAGES = 20 if KILLS else 4


def test_fifty_clients_at_once_lose_no_decision(
    at: Path, tally: Tally, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each decides and reads a page in turn, without a pause."""

    async def one(number: int, latencies: list[float]) -> None:
        async with EngineClient.at(at) as client:
            author = f"reviewer {number}"
            for page in range(PAGES):
                change = MarkChange(note=f"note {page}")
                await client.ask(MARK(MarkRequest(pair_ids=(page,), change=change, author=author)))
                began = time.perf_counter()
                await client.ask(PAIR_ROWS(PairRowsRequest(ids=tuple(range(24)))))
                latencies.append(time.perf_counter() - began)

    async def all_of_them() -> tuple[list[float], set[str], int]:
        latencies: list[float] = []
        await asyncio.gather(*(one(number, latencies) for number in range(CLIENTS)))
        async with EngineClient.at(at) as client:
            events = await client.ask(MARK_LOG(LogRequest(limit=10_000)))
        mine = [event for event in events if event.author.startswith("reviewer ")]
        return sorted(latencies), {event.author for event in mine}, len(mine)

    latencies, authors, decisions = asyncio.run(all_of_them())
    with capsys.disabled():
        p50, p99 = (latencies[int(len(latencies) * part)] for part in (0.5, 0.99))
        print(f"\n{CLIENTS} clients, {len(latencies)} pages: p50 {p50:.3f} s, p99 {p99:.3f} s")
    assert (len(authors), decisions) == (CLIENTS, CLIENTS * PAGES)
    tally.add(decisions, survived=decisions)


def test_fifty_sessions_of_one_author_take_back_only_what_is_theirs(at: Path, tally: Tally) -> None:
    """All decide about the same few pairs. The order of the log explains the marks at the end."""
    log: dict[int, tuple[str, int, str]] = {}  # number → session, pair, note; "" is an undo

    async def one(number: int) -> int:
        session, refused = f"session {number}", 0
        async with EngineClient.at(at) as client:
            for turn in range(PAGES + 2):
                pair, note = (number + turn // 2) % 8, f"{number}.{turn}"
                rows = await client.ask(PAIR_ROWS(PairRowsRequest(ids=(pair,), author="one")))
                made = MARK(
                    MarkRequest(
                        pair_ids=(pair,),
                        change=MarkChange(note=note),
                        author="one",
                        session=session,
                        seen=rows[0].revision,
                    )
                )
                undone = UNDO(UndoRequest(author="one", session=session))
                try:
                    done = await client.ask(undone if turn % 3 == 2 else made)
                except EngineProblem as error:
                    assert error.kind is Kind.CONFLICT and "in another session" in str(error)
                    refused += 1
                    continue
                if done.changed:
                    assert done.revision - 1 not in log, "two have the same place"
                    log[done.revision - 1] = (session, pair, "" if turn % 3 == 2 else note)
        return refused

    async def all_of_them() -> tuple[int, list[MarkEvent], dict[int, str]]:
        refused = sum(await asyncio.gather(*(one(number) for number in range(CLIENTS))))
        async with EngineClient.at(at) as client:
            events = await client.ask(MARK_LOG(LogRequest(limit=10_000, author="one")))
            rows = await client.ask(PAIR_ROWS(PairRowsRequest(ids=tuple(range(8)), author="one")))
        return refused, events, {row.pair_id: row.mark.note for row in rows if row.mark}

    refused, events, notes = asyncio.run(all_of_them())
    mine = [event for event in events if event.author == "one"]
    assert {event.number: event.session for event in mine} == {n: log[n][0] for n in log}
    stacks: dict[int, list[str]] = {}
    changes: dict[str, list[tuple[int, str]]] = {}
    for _, (session, pair, note) in sorted(log.items()):
        if note:
            stacks.setdefault(pair, []).append(note)
            changes.setdefault(session, []).append((pair, note))
        else:
            pair, note = changes[session].pop()
            assert stacks[pair].pop() == note
    assert {pair: stack[-1] for pair, stack in stacks.items() if stack} == notes
    tally.add(len(log) + refused, survived=len(log), refused=refused)
