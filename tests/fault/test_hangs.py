"""What never answers: suspended workers, servers that accept and are silent, or drip."""

from __future__ import annotations

import contextlib
import os
import signal
import socket as sockets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import strategies
from engine.executors import workers as local
from engine.processes import is_suspended
from engine.run import progress
from engine.service import Engine
from engine.store.database import Store
from engine.wire.messages import RunStatus, StopRequest
from tests.engine.studies import passage, prepare, run_to_end, sample_rows, stand_in_server, until
from tests.fault.conftest import Tally
from tests.fault.kills import differences, stage_now
from tests.fault.tiny import answer, write_light_study


class Silent:
    """Listens, and gives every connection the same treatment, in a thread of its own."""

    def __init__(self, treat: Callable[[sockets.socket, threading.Event], None]) -> None:
        self._listener = sockets.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.over = threading.Event()
        self.asked = 0
        self._treat = treat
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.asked += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: sockets.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._treat(connection, self.over)

    def close(self) -> None:
        self.over.set()
        self._listener.close()


def accept_only(connection: sockets.socket, over: threading.Event) -> None:
    over.wait(60)


def drip_headers(connection: sockets.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.05):
        connection.sendall(b"x-more: 1\r\n")


def drip_body(connection: sockets.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n")
    while not over.wait(0.05):
        connection.sendall(b" ")


@pytest.fixture
def silent() -> Iterator[Callable[[Any], Silent]]:
    made: list[Silent] = []

    def start(treat: Any) -> Silent:
        made.append(Silent(treat))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "WAIT_S", 0.2)
    monkeypatch.setattr(progress, "UNUSUAL_S", 0.0)
    monkeypatch.setattr(local, "STOP_GRACE_S", 0.1)


def waiting(engine: Engine, what: str) -> RunStatus | None:
    status = engine.status()
    found = [stage for stage in status.stages if what in stage.waits_for]
    return status if found and found[0].waits_s > 0 else None


# ---------------------------------------------------------------- servers


@pytest.mark.parametrize("treat", [accept_only, drip_headers, drip_body])
def test_a_run_that_waits_for_a_server_says_so_and_stops_at_once(
    treat: Any, silent: Callable[[Any], Silent], impatient: None, tmp_path: Path, tally: Tally
) -> None:
    server = silent(treat)
    run = prepare(write_light_study(tmp_path / "study", server.url), tmp_path / "run")
    engine = Engine(run)
    try:
        engine.start()
        until(lambda: waiting(engine, f"an answer of {server.url}"), "it says for what", 120)
        began = time.monotonic()
        engine.stop()
        engine.join(10)
        assert time.monotonic() - began < 3
        assert engine.status().state == "stopped"
        assert not any(stage.waits_for for stage in engine.status().stages)
    finally:
        engine.close()
    tally.add(1, survived=1)


@pytest.mark.parametrize("treat", [accept_only, drip_headers, drip_body])
def test_a_server_that_stays_silent_is_given_up_within_the_time_limit_of_its_requests(
    treat: Any, silent: Callable[[Any], Silent], tally: Tally
) -> None:
    from engine.errors import MachineError
    from engine.models.endpoint import EndpointRewriter, Patience
    from engine.models.endpoint_server import SILENT_ATTEMPTS

    async def no_sleep(_: float) -> None:
        pass

    server = silent(treat)
    patient = Patience(sleep=no_sleep)
    rewriter = EndpointRewriter(server.url, "m", None, timeout_s=0.15, patience=patient)
    began = time.monotonic()
    with pytest.raises(MachineError, match=r"no answer within 0.15 s, \d attempts; is the server"):
        rewriter.rewrite(["one passage"], strategies.find("neutral"))
    assert time.monotonic() - began < 0.15 * (SILENT_ATTEMPTS + 2) + 1
    assert server.asked <= SILENT_ATTEMPTS + 1
    tally.add(1, survived=1)


class Half:
    """Answers all but the last texts of every batch; notes what it answered."""

    def __init__(self, held: int) -> None:
        self.left = held
        self.hold: set[str] = set()
        self.answered: list[str] = []
        self.opened = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any], _: object) -> str:
        text = passage(body)
        with self._lock:
            if len(self.hold) < self.left and not self.opened.is_set():
                self.hold.add(text)
            waits = text in self.hold and not self.opened.is_set()
        if waits:
            self.opened.wait(60)
        with self._lock:
            self.answered.append(text)
        return answer(body)


@pytest.fixture
def half() -> Iterator[tuple[Half, str]]:
    made = Half(4)
    with stand_in_server(made) as address:
        yield made, address
        made.opened.set()


@pytest.mark.parametrize("now", [False, True], ids=["stop", "stop now"])
def test_what_a_server_answered_before_a_stop_is_not_asked_again(
    now: bool, half: tuple[Half, str], impatient: None, tmp_path: Path, tally: Tally
) -> None:
    server, address = half
    study = write_light_study(tmp_path / "study", address, sample_rows(32))
    run = prepare(study, tmp_path / "run")
    engine = Engine(run)
    try:
        engine.start()
        until(lambda: len(server.answered) == 60, "all others of the 64 are answered", 120)
        until(lambda: waiting(engine, address), "it waits for the rest", 10)
        engine.stop(StopRequest(now=now))
        engine.join(10)
        status = engine.status()
        assert (status.state, stage_now(status, "label:main")) == ("stopped", ("running", 60, 64))
        before = set(server.answered)
        server.answered.clear()
        server.opened.set()
        engine.start()
        engine.join(60)
        assert engine.status().state == "done", engine.status().error
        # The requests that were cut off may still be answered, to nobody.
        assert not set(server.answered) & before
    finally:
        engine.close()
    whole = prepare(study, tmp_path / "whole")
    assert run_to_end(whole).state == "done"
    lost, doubled = differences(run, whole)
    tally.add(1, survived=1, lost=lost, doubled=doubled)
    assert (lost, doubled) == (0, 0)


def test_what_a_server_answered_before_it_went_away_is_kept(tmp_path: Path, tally: Tally) -> None:
    from tests.engine.studies import ServerSays

    asked: list[str] = []
    broken = threading.Event()

    def reject(body: dict[str, Any], _: object) -> str:
        if len(asked) == 9 and not broken.is_set():
            broken.set()
            raise ServerSays(401, "no")
        if broken.is_set() and not mended.is_set():
            raise ServerSays(401, "no")
        asked.append(passage(body))
        return answer(body)

    mended = threading.Event()
    with stand_in_server(reject) as address:
        study = write_light_study(tmp_path / "study", address)
        run = prepare(study, tmp_path / "run")
        failed = run_to_end(run)
        assert failed.state == "failed"
        done = stage_now(failed, "label:main")[1]
        mended.set()
        assert run_to_end(run).state == "done"
    assert 1 <= done <= 9
    # Requests in flight beside the one that failed may have been answered, to nobody.
    assert len(asked) - len(set(asked)) <= 9 - done
    with_store = Store(run / "seal.duckdb")
    batches = with_store.read("SELECT len(units), done FROM batches ORDER BY batch_no").fetchall()
    with_store.close()
    assert batches == [(done, True), (24 - done, True)]
    tally.add(1, survived=1)


# ---------------------------------------------------------------- suspended workers


def test_a_suspended_worker_is_named_and_a_stop_does_not_wait_for_it(
    half: tuple[Half, str], impatient: None, tmp_path: Path, tally: Tally
) -> None:
    server, address = half
    run = prepare(write_light_study(tmp_path / "study", address), tmp_path / "run")
    engine = Engine(run)
    try:
        engine.start()
        until(lambda: server.answered, "a worker is at work", 120)
        assert engine._pipeline is not None
        pid = engine._pipeline.executor._workers[0]._process.pid  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGSTOP)
        until(lambda: is_suspended(pid), "it is suspended")
        until(lambda: waiting(engine, f"kill -CONT {pid} continues it"), "it is named", 10)
        began = time.monotonic()
        engine.stop()
        engine.join(10)
        assert time.monotonic() - began < 3
        assert engine.status().state == "stopped"
    finally:
        engine.close()
    tally.add(1, survived=1)


def test_a_suspended_worker_that_cannot_even_be_asked_is_replaced_after_the_limit(
    tmp_path: Path,
) -> None:
    """The request is larger than the pipe: sending it waits as well."""
    from engine.executors.jobs import WorkerDied, WorkerHung
    from engine.executors.requests import Ask, Devices
    from engine.executors.workers import Workers
    from engine.models.operations import Score

    made = Workers("cpu", 600, threading.Event())
    try:
        made.ask(Devices())
        process = made._workers[0]
        pid = process._process.pid
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(WorkerHung):
            process.ask(Ask(Score(), ("x" * 4_000_000,)), 0.3)
        with pytest.raises(WorkerDied):  # a stop does not wait for what is no result
            made._stop.set()
            os.kill(_started(process), signal.SIGSTOP)
            process.ask(Devices())
    finally:
        made.close()


def _started(process: Any) -> int:
    process._start()
    return int(process._process.pid)
