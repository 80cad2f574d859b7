"""What a machine does to a run: full disks, locks, closed terminals, clocks, folders not ours."""

from __future__ import annotations

import ctypes
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import launch
from engine.errors import Kind, MachineError
from engine.service import Engine
from engine.wire.messages import StopRequest
from tests.command import COMMAND
from tests.engine.conftest import alive, end_engine
from tests.engine.studies import (
    manifest,
    passage,
    prepare,
    run_to_end,
    small_batches,
    stand_in_server,
    until,
)
from tests.fault.conftest import KILLS, Tally
from tests.fault.kills import EngineProcess, differences, run_until_over, stage_now
from tests.fault.tiny import answer, write_light_study

pytestmark = pytest.mark.fault("machine limits")

Start = Callable[[Path], Path]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, capability.h


@pytest.fixture
def light(tmp_path: Path, url: str) -> Path:
    """A run folder in which nothing has run."""
    return prepare(write_light_study(tmp_path / "study", url), tmp_path / "run")


class Gate:
    """A server that answers so many requests, and the others only once it is opened."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.opened = threading.Event()
        self.asked = 0
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any], _: object) -> str:
        with self._lock:
            self.asked += 1
            waits = self.asked > self.free
        if waits:
            assert self.opened.wait(60)
        return answer(body)


@pytest.fixture
def gate() -> Iterator[tuple[Gate, str]]:
    made = Gate(8)
    with stand_in_server(made) as address:
        yield made, address
        made.opened.set()


# ---------------------------------------------------------------- disk


@pytest.mark.parametrize("room", [0, 3_000] if KILLS else [3_000])
@pytest.mark.fault("full disk")
def test_a_full_disk_stops_the_run_in_one_line_and_loses_nothing(
    room: int, gate: tuple[Gate, str], tmp_path: Path, tally: Tally
) -> None:
    opened, address = gate
    study = write_light_study(tmp_path / "study", address)
    run = prepare(study, tmp_path / "run")
    engine = EngineProcess(run)
    try:
        engine.post("/run")
        until(lambda: stage_now(engine.status(), "label:main")[1] > 0, "a first batch", 60)
        before = stage_now(engine.status(), "label:main")[1]
        # No file of this process may grow beyond this: to it the disk is full.
        size = max(path.stat().st_size for path in run.glob("seal.duckdb*")) + room
        _limit(engine.process.pid, size)
        opened.opened.set()
        status = run_until_over(engine)
        assert status.state == "failed"
        assert status.error is not None
        assert "seal.duckdb" in status.error
        assert "free some space" in status.error
        assert "\n" not in status.error
        assert status.error_kind == Kind.MACHINE
        assert stage_now(engine.status(), "label:main")[1] >= before
        assert not list(run.glob(".manifest*")), "nothing half-written is left"
        _limit(engine.process.pid, resource.RLIM_INFINITY)
        engine.post("/run")
        status = run_until_over(engine)
        assert status.state == "done", status.error
    finally:
        engine.leave()
    whole = prepare(study, tmp_path / "whole")
    assert run_to_end(whole).state == "done"
    lost, doubled = differences(run, whole)
    same = manifest(run)["metrics_sha256"] == manifest(whole)["metrics_sha256"]
    tally.add(1, survived=int(same), refused=1, lost=lost, doubled=doubled)
    assert same
    assert (lost, doubled) == (0, 0)


def _limit(pid: int, size: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


# ---------------------------------------------------------------- who holds what


def test_a_database_that_a_foreign_process_holds_is_told_with_that_process(
    light: Path, start: Start, tally: Tally
) -> None:
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); "
        "sys.stdin.read()"
    )
    foreign = subprocess.Popen(
        [sys.executable, "-c", code, light / "seal.duckdb"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert foreign.stdout is not None
        assert foreign.stdout.readline() == b"held\n"
        with pytest.raises(MachineError) as caught:
            start(light)
    finally:
        foreign.communicate(timeout=20)
    assert f"process {foreign.pid}" in str(caught.value)
    assert "\n" not in str(caught.value)
    (light / "seal.duckdb").unlink()  # it was the foreign process's own, and empty
    assert start(light).is_socket()
    tally.add(1, refused=1)


def test_of_engines_that_race_for_a_folder_one_wins_and_the_others_say_so(
    light: Path, tally: Tally
) -> None:
    racing = [
        subprocess.Popen(
            [sys.executable, "-m", "engine", light], stderr=subprocess.PIPE, start_new_session=True
        )
        for _ in range(4)
    ]
    try:
        until(lambda: sum(one.poll() is not None for one in racing) == 3, "three give up", 60)
        until(lambda: launch.reachable(light), "one is up", 30)
        (winner,) = (one for one in racing if one.poll() is None)
        found = launch.holder(light)
        assert found is not None
        assert found.pid == winner.pid
        for loser in racing:
            if loser is not winner:
                assert loser.returncode == 1
                assert loser.stderr is not None
                (line,) = loser.stderr.read().decode().splitlines()
                assert f"{light} is in use by" in line
        tally.add(4, survived=1, refused=3)
    finally:
        for one in racing:
            one.terminate()
        for one in racing:
            one.communicate(timeout=20)


def test_a_folder_that_cannot_be_written_is_one_line(url: str, tally: Tally) -> None:
    with tempfile.TemporaryDirectory(prefix="seal-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        run = prepare(write_light_study(folder / "study", url), folder / "run")
        run.chmod(0o555)
        for command in ([*COMMAND, "status", run], [sys.executable, "-m", "engine", run]):
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                preexec_fn=_without_override,
                timeout=60,
            )
            assert done.returncode == 1, done.stderr
            (line,) = done.stderr.splitlines()
            assert line.startswith("seal-tui: ")
            assert str(run) in line
            assert "Permission denied" in line
        run.chmod(0o755)
        tally.add(2, refused=2)


def _without_override() -> None:
    """Modes stop root too once it gives these up; for anyone else this does nothing."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


# ---------------------------------------------------------------- the terminal and the clock


@pytest.mark.fault("kills")
def test_a_run_goes_on_when_its_terminal_closes_and_is_private(
    gate: tuple[Gate, str], tmp_path: Path, tally: Tally
) -> None:
    opened, address = gate
    study = write_light_study(tmp_path / "study", address)
    run = tmp_path / "run"
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may have been begun by nohup
        os.execv(COMMAND[0], [*COMMAND, "run", str(study), "--run-dir", str(run), "--headless"])
    try:
        until(lambda: opened.asked > opened.free, "labels are asked for")
        os.close(terminal)  # the connection drops: SIGHUP to everything on it
        _, ended = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(ended) or os.WEXITSTATUS(ended) != 0
        found = launch.holder(run)
        assert found is not None
        assert alive(found.pid), "the engine has no terminal"
        opened.opened.set()
        until(lambda: (run / "manifest.json").exists(), "the run ends", 60)
        assert manifest(run)["status"]["state"] == "done"
        written = [run, *run.rglob("*")]
        assert {"study.toml", "study.json", "seal.duckdb", "manifest.json", "engine.log"} <= {
            path.name for path in written
        }
        assert not [path for path in written if path.stat().st_mode & 0o077], "for its owner alone"
        tally.add(1, survived=1)
    finally:
        end_engine(run)


def test_a_clock_that_is_set_back_changes_nothing(
    light: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    whole = prepare(tmp_path / "study" / "study.toml", tmp_path / "whole")
    assert run_to_end(whole).state == "done"
    now = [time.time()]

    def back() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", back)
    in_future = time.monotonic() + 4e9
    for path in (light / "study.json", tmp_path / "study" / "pairs.jsonl"):
        os.utime(path, (in_future, in_future))
    status = run_to_end(light)
    assert status.state == "done", status.error
    assert 0 <= status.elapsed_s < 600
    assert all(0 <= stage.seconds < 600 for stage in status.stages)
    lost, doubled = differences(light, whole)
    tally.add(1, survived=1, lost=lost, doubled=doubled)
    assert manifest(light)["metrics_sha256"] == manifest(whole)["metrics_sha256"]
    assert (lost, doubled) == (0, 0)


# ---------------------------------------------------------------- hung workers, dropped batches


@pytest.mark.fault("hangs")
def test_a_text_on_which_a_worker_hangs_is_set_aside_and_the_rest_goes_on(
    tmp_path: Path, tally: Tally
) -> None:
    from engine.executors.jobs import HUNG
    from tests.engine.studies import sample_rows

    rows = sample_rows(2)
    rows[1]["chosen"] += " zztar"
    over = threading.Event()
    answered: list[str] = []

    def hang(body: dict[str, Any], _: object) -> str:
        if "zztar" in passage(body):
            over.wait(60)
        elif not over.is_set():
            answered.append(passage(body))
        return answer(body)

    with stand_in_server(hang) as address:
        study = write_light_study(tmp_path / "study", address, rows, extra="batch_limit_s = 1")
        run = prepare(study, tmp_path / "run")
        status = run_to_end(run)
        over.set()
    assert status.state == "done", status.error
    assert f"1 entries could not be used: {HUNG}" in status.warnings
    assert status.counts["scored pairs"] == 2
    assert len(answered) == len(set(answered)) == 3, "what was answered is not asked again"
    tally.add(1, survived=1)


@pytest.mark.fault("hangs")
def test_stopping_now_drops_the_batch_in_work_and_keeps_the_others(
    gate: tuple[Gate, str], tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.run import plan

    opened, address = gate
    monkeypatch.setattr(plan, "compose", plan.compose)  # put back with the test
    small_batches(plan, 4)
    study = write_light_study(tmp_path / "study", address)
    run = prepare(study, tmp_path / "run")
    engine = Engine(run)
    try:
        engine.start()
        until(lambda: opened.asked > opened.free, "a batch is in work")
        assert engine.stop().stopping
        assert engine.running, "it would finish the batch"
        engine.stop(StopRequest(now=True))
        engine.join(30)
        status = engine.status()
        assert (status.state, status.stopping) == ("stopped", False)
        assert stage_now(status, "label:main")[1] == opened.free
        opened.opened.set()
        engine.start()
        engine.join()
        assert engine.status().state == "done", engine.status().error
    finally:
        engine.close()
    whole = prepare(study, tmp_path / "whole")
    assert run_to_end(whole).state == "done"
    lost, doubled = differences(run, whole)
    tally.add(1, survived=1, lost=lost, doubled=doubled)
    assert (lost, doubled) == (0, 0)
    shutil.rmtree(whole)


@pytest.mark.fault("kills")
def test_a_client_of_an_engine_that_was_just_killed_gets_the_next_one(
    light: Path, start: Start, tally: Tally
) -> None:
    from engine.wire.client import SyncEngineClient
    from engine.wire.endpoints import STATUS

    start(light)
    for _ in range(3):
        found = launch.holder(light)
        assert found is not None
        os.kill(found.pid, signal.SIGKILL)  # and not waited for: it may still be dying
        with SyncEngineClient.at(lambda: start(light)) as client:
            assert client.ask(STATUS()).pid != found.pid
        tally.add(1, survived=1)
