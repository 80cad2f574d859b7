"""The engine's door: requests of every kind to every endpoint, and clients that behave badly.

`make fault` sends 10,000 requests (FAULT_REQUESTS), `make test` a few hundred.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from engine.service import Engine
from engine.wire.endpoints import ENDPOINTS, Endpoint
from engine.wire.messages import Problem, StopRequest
from engine.wire.server import Activity, create_app
from tests.fault.conftest import KILLS, Tally
from tests.fault.fuzz import Sent, requests
from tests.tui import recorded

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
    count = max(1, REQUESTS // len(ENDPOINTS))

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=not KILLS,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(endpoint, paths))
    def send(sent: Sent) -> None:
        _check(endpoint, sent, door.ask(sent))
        tally.add(1, survived=1)

    send()
