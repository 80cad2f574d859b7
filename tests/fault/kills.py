"""Killing engine and workers at chosen moments of a run, and comparing what is there in the end."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec

from engine import launch
from engine.wire.messages import RunStatus
from tests.engine.conftest import alive
from tests.engine.studies import manifest, until
from tests.engine.test_pipeline import comparable

STAGES = (
    "ingest",
    "label:main",
    "score:pre",
    "noise:pre",
    "train:post",
    "score:post",
    "noise:post",
    "rewrite:neutral",
    "rewrite:placebo",
    "relabel:main",
    "rescore:pre",
    "rescore:post",
    "embed",
    "measure",
)
VICTIMS = ("engine", "worker", "both")
IN_ONE_COPY = 8  # then the run goes on to its end and is compared


class EngineProcess:
    """An engine with small batches, on one run folder."""

    def __init__(self, run: Path) -> None:
        self.run = run
        with open(run / launch.LOG, "ab", opener=launch._private) as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fault.small_batches", str(run)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._up, "the engine is up", 60)
        found = launch.holder(run)
        assert found is not None
        transport = httpx.HTTPTransport(uds=str(found.socket))
        self.http = httpx.Client(transport=transport, base_url="http://engine", timeout=60)

    def _up(self) -> bool:
        assert self.process.poll() is None, (self.run / launch.LOG).read_text("utf-8", "replace")
        found = launch.holder(self.run)
        return found is not None and found.pid == self.process.pid

    def status(self) -> RunStatus:
        return msgspec.json.decode(self.http.get("/status").content, type=RunStatus)

    def post(self, path: str, **body: object) -> None:
        assert self.http.post(path, json=body).status_code == 200

    def workers(self) -> list[int]:
        found = []
        with contextlib.suppress(OSError):  # threads and children come and go
            for task in Path(f"/proc/{self.process.pid}/task").iterdir():
                for child in (task / "children").read_text().split():
                    if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                        found.append(int(child))
        return found

    def kill(self, victim: str) -> str | None:
        """Kill; who was killed, None when there was no such process any more."""
        workers = self.workers() if victim != "engine" else []
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if victim == "worker":
            return "worker" if workers else None
        if self.process.poll() is not None:
            return None
        self.process.kill()
        self.process.wait(20)
        self.http.close()
        # It holds nothing of the folder's, but it must not go on computing on somebody's GPU.
        until(lambda: not any(map(alive, workers)), "its workers leave too", 30)
        return "both" if workers else "engine"

    def leave(self) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                self.post("/shutdown")
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)
        self.http.close()


def stage_now(status: RunStatus, name: str) -> tuple[str, int, int]:
    """(state, done, total) of one stage."""
    for stage in status.stages:
        if stage.name == name:
            return stage.state, stage.done, stage.total
    return "waiting", 0, 0


def run_until_over(engine: EngineProcess) -> RunStatus:
    found: RunStatus = until(
        lambda: (status := engine.status()).state != "running" and status, "the run ends", 300
    )
    return found


def prepare_stages(run: Path, stages: tuple[str, ...], folder: Path) -> dict[str, Path]:
    """Run to the end, stopping at the door of each of these stages for a copy of the folder.

    The copy of "ingest" is the untouched folder. The run itself becomes the one that is compared
    with: it was stopped between stages, never killed."""
    copies = {}
    for stage in stages:
        copies[stage] = folder / stage.replace(":", "-")
        if stage != "ingest":
            _stop_at(stage, run)
        shutil.copytree(run, copies[stage], ignore=shutil.ignore_patterns("engine.*"))
    engine = EngineProcess(run)
    try:
        engine.post("/run")
        status = run_until_over(engine)
        assert status.state == "done", status.error
    finally:
        engine.leave()
    return copies


def _stop_at(stage: str, run: Path) -> None:
    engine = EngineProcess(run)
    try:
        engine.post("/run")
        until(lambda: stage_now(engine.status(), stage)[0] != "waiting", stage, 120)
        engine.post("/stop", now=True)
        status = run_until_over(engine)
        assert status.state == "stopped" or stage == "measure", status.error
    finally:
        engine.leave()


@dataclass
class Campaign:
    """The kills of one stage."""

    killed: Counter[str] = field(default_factory=Counter)
    survived: int = 0
    lost: int = 0
    doubled: int = 0
    missed: int = 0


def kill_in(
    stage: str, copy: Path, whole: Path, kills: int, chance: random.Random, scratch: Path
) -> Campaign:
    """Kill so many times in this stage, each time going on, and compare with `whole` at the end.

    `missed`: the stage was over before the blow fell."""
    found = Campaign()
    for attempt in range(4 * kills):
        wanted = min(IN_ONE_COPY, kills - found.killed.total())
        if wanted <= 0:
            break
        run = scratch / f"{copy.name}-{attempt}"
        shutil.copytree(copy, run)
        killed = _one_copy(stage, run, wanted, chance, found)
        lost, doubled = differences(run, whole)
        same = manifest(run)["metrics_sha256"] == manifest(whole)["metrics_sha256"]
        found.lost += lost
        found.doubled += doubled
        found.survived += killed if same and not lost and not doubled else 0
        shutil.rmtree(run)
    return found


def _one_copy(stage: str, run: Path, wanted: int, chance: random.Random, found: Campaign) -> int:
    """Kill up to `wanted` times in the stage, then let the run end; how many were killed."""
    killed = 0
    engine = EngineProcess(run)
    try:
        engine.post("/run")
        while killed < wanted:
            victim = "engine" if stage in ("ingest", "measure") else chance.choice(VICTIMS)
            if not _wait_for_moment(engine, stage, chance):
                if _gave_up(engine.status()):
                    engine.post("/run")
                    continue
                found.missed += 1
                break
            who = engine.kill(victim)
            if who is None:
                found.missed += 1
                continue
            killed += 1
            found.killed[who] += 1
            if who != "worker":
                engine = EngineProcess(run)
                engine.post("/run")
        status = run_until_over(engine)
        if _gave_up(status):
            engine.post("/run")
            status = run_until_over(engine)
        assert status.state == "done", (stage, status.error)
    finally:
        engine.leave()
    return killed


def _gave_up(status: RunStatus) -> bool:
    """Whether the run failed because its worker died twice in what cannot be halved, such as
    training; then it is a person who resumes it."""
    return status.state == "failed" and "died twice" in (status.error or "")


def _wait_for_moment(engine: EngineProcess, stage: str, chance: random.Random) -> bool:
    """Wait for a random moment in the stage; False when it is over first.

    The moment is some batches on and a few milliseconds, or, where nothing has been done yet,
    anywhere in the loading of the model."""
    target: int | None = None
    while True:
        status = engine.status()
        state, done, total = stage_now(status, stage)
        if state == "done" or status.state != "running":
            return False
        if state == "running":
            if target is None:
                ahead = max(total - done - 1, 0)
                target = done + chance.randint(0, min(ahead, 8))
                loading = target == done
            if done >= target:
                time.sleep(chance.uniform(0, 1.5 if loading and total > 1 else 0.03))
                state, *_ = stage_now(engine.status(), stage)
                return state == "running"
        time.sleep(0.002)


def differences(run: Path, whole: Path) -> tuple[int, int]:
    """Rows of `whole` that `run` has not, and rows that it has beyond them."""
    ours, theirs = comparable(run), comparable(whole)
    lost = doubled = 0
    for table, rows in theirs.items():
        mine = Counter(map(repr, ours[table]))
        right = Counter(map(repr, rows))
        lost += (right - mine).total()
        doubled += (mine - right).total()
    return lost, doubled
