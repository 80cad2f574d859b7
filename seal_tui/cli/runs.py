"""Run folders and their engines, as the commands need them: made, found, asked, stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from engine import launch
from engine import study as studies
from engine.wire.client import SyncEngineClient
from engine.wire.endpoints import PLAN, SHUTDOWN, STATUS, STOP
from engine.wire.messages import PlanRequest, RunStatus, StopRequest

STOP_TIMEOUT_S = 120.0


class Refused(Exception):
    """A command cannot go on: one line for the person, and the exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def existing(folder: Path) -> Path:
    """An existing run folder, absolute."""
    if not (folder / "study.json").is_file():
        raise Refused(
            f"{folder} is no run folder (no study.json in it); `seal-tui run STUDY.toml` makes one",
            2,
        )
    return folder.resolve()


def prepare(study_file: Path, run_dir: Path | None) -> Path:
    """Makes a study's run folder and puts the study in it; says what a changed one computes."""
    study = studies.load(study_file)
    folder = _folder_of(study, run_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    resolved = studies.dump_resolved(study)
    target = folder / "study.json"
    if not target.exists() or target.read_bytes() != resolved:
        socket = launch.reachable(folder)
        if socket is not None and _status_at(socket).state == "running":
            raise Refused(f"{folder} is running another version of this study; stop it first", 1)
        if (folder / "manifest.json").exists():
            print("The study has changed. What is there already, and what this run computes:")
            _print_plan(folder, study)
        copy = folder / "study.toml"
        if not (copy.exists() and copy.samefile(study_file)):
            shutil.copyfile(study_file, copy)
        scratch = folder / f".study.json.{os.getpid()}"
        scratch.write_bytes(resolved)
        os.replace(scratch, target)
    return folder


def print_plan(study_file: Path, run_dir: Path | None) -> None:
    """Prints what a run would compute. A folder that is not there is not made."""
    study = studies.load(study_file)
    folder = _folder_of(study, run_dir)
    if (folder / "study.json").exists():
        _print_plan(folder, study)
        return
    with tempfile.TemporaryDirectory(prefix="seal-tui-plan-") as scratch:
        empty = Path(scratch)
        (empty / "study.json").write_bytes(studies.dump_resolved(study))
        try:
            _print_plan(empty, study)
        finally:
            stop(empty, now=False)


def client(folder: Path) -> SyncEngineClient:
    """A client of the folder's engine, which is started if there is none."""
    return SyncEngineClient.at(lambda: launch.ensure_engine(folder))


def stop(folder: Path, now: bool) -> bool:
    """Stops a folder's run and engine; False when no engine was there."""
    socket = launch.reachable(folder)
    if socket is None:
        return False
    with SyncEngineClient.at(socket) as client:
        client.ask(STOP(StopRequest(now=now)))
        client.ask(SHUTDOWN())
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while launch.held(folder):  # it finishes the batch in work
        if time.monotonic() > deadline:
            raise Refused(f"the engine is still at its last batch; see {folder / launch.LOG}", 1)
        time.sleep(0.05)
    return True


def ask_module(module: str, *arguments: str) -> Any:
    """What a module of the engine prints, in a process of its own: it loads what this one never
    does (torch, statistics)."""
    answer = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True)
    if answer.returncode:
        words = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        code = 2 if answer.returncode == 2 else 1
        raise Refused(words[-1] if words else f"{module} failed", code)
    return json.loads(answer.stdout)


def _folder_of(study: studies.Study, run_dir: Path | None) -> Path:
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", study.name).strip("-.") or "study"
    return (run_dir or Path("runs") / slug).resolve()


def _print_plan(folder: Path, study: studies.Study) -> None:
    from seal_tui.cli import headless

    with client(folder) as asked:
        headless.print_plan(asked.ask(PLAN(PlanRequest(study=msgspec.to_builtins(study)))))


def _status_at(socket: Path) -> RunStatus:
    with SyncEngineClient.at(socket) as client:
        return client.ask(STATUS())
