"""Run folders and their engines: create, find, query and stop them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
import typer

from engine import isolated, launch, outside
from engine import study as studies
from engine.errors import BadInput, Busy, Fault, of_kind
from engine.files import refuse_special_in, refuse_undecodable
from engine.wire.client import SyncEngineClient
from engine.wire.endpoints import PLAN
from engine.wire.messages import PlanRequest, StopRequest
from engine.wire.version import PEER, PEER_SHUTDOWN, PEER_STOP
from seal_tui import crash
from seal_tui.cli.waiting import SayingClient, waiting
from seal_tui.text.safe import one_line

STOP_TIMEOUT_S = 120.0


def prepare(study_file: Path, run_dir: Path | None, yes: bool = False) -> Path:
    """Create a study's run folder with the study in it. If the study has changed, print what the
    run would recompute. A study file that comes with a run folder may be somebody else's: what it
    calls is shown, and has to be confirmed, or was with `yes`."""
    study = studies.load(study_file)
    folder = _folder_of(study, run_dir)
    _confirm(study_file, study, folder, yes)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_special_in(folder)
    resolved = studies.dump_resolved(study)
    target = folder / "study.json"
    if not _holds(target, study):
        with waiting("the engine to answer", folder):
            socket = launch.reachable(folder)
        if socket is not None and _running_at(folder, socket):
            raise Busy(f"{folder} is running another version of this study; stop it first")
        if (folder / "manifest.json").exists():
            print("The study has changed. Results to reuse, and to compute:")
            _print_plan(folder, study)
        copy = folder / "study.toml"
        if not (copy.exists() and copy.samefile(study_file)):
            shutil.copyfile(study_file, copy)
        scratch = folder / f".study.json.{os.getpid()}"
        scratch.write_bytes(resolved)
        os.replace(scratch, target)
    return folder


def _confirm(study_file: Path, study: studies.Study, folder: Path, yes: bool) -> None:
    found = outside.of(study, folder)
    here = Path(os.path.realpath(study_file)).parent
    of_a_run = any((place / "study.json").exists() for place in (here, *here.parents))
    if of_a_run and not yes and not outside.was_seen(found):
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            outside.require_seen(found)
        print("This study comes with a run folder. A run of it")
        for line in found.lines:
            print(f"  {one_line(line)}")
        if not typer.confirm("Run it?"):
            raise typer.Exit(1)
    outside.remember(found)


def _holds(path: Path, study: studies.Study) -> bool:
    """Whether a study.json, written by any version, is this study."""
    try:
        return studies.loads_resolved(path.read_bytes()) == study
    except (OSError, BadInput):
        return False


def print_plan(study_file: Path, run_dir: Path | None) -> None:
    """Print what a run would compute, without creating its folder."""
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
    """A client of the folder's engine; starts the engine if necessary."""
    return SayingClient.of(folder)


def stop(folder: Path, now: bool) -> bool:
    """Stop a folder's run and engine; False if no engine was running."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    with waiting("the engine to answer", folder):
        # One that holds the folder, but has no socket, was just started, or is about to end.
        while (socket := launch.reachable(folder)) is None and launch.held(folder):
            _sleep_until(deadline, folder, "is starting, or finishing its last batch")
    if socket is None:
        return False
    with SayingClient.of(folder, socket) as client:
        client.ask(PEER_STOP(StopRequest(now=now)))
        client.ask(PEER_SHUTDOWN())
    with waiting("the engine to finish its last batch", folder):
        while launch.held(folder):
            _sleep_until(deadline, folder, "is still finishing its last batch")
    return True


def _sleep_until(deadline: float, folder: Path, what: str) -> None:
    if time.monotonic() > deadline:
        raise Busy(f"the engine {what}; see {folder / launch.LOG}")
    time.sleep(0.05)


def ask_module(module: str, *arguments: str) -> Any:
    """The JSON output of an engine module, run in its own process: it imports libraries that this
    process never loads (torch, statistics)."""
    with waiting(module) as line, tempfile.TemporaryFile() as log:
        code, content = _answer(isolated.command(module, *arguments), log, line.now)
        log.seek(0)
        said = log.read().decode("utf-8", "replace")
    if "problem" not in content:
        where = crash.note(said)
        raise Fault(f"{module} failed (exit code {code}); see {where}") from None
    problem = content["problem"]
    if problem is not None:
        raise of_kind(problem["kind"], problem["error"])
    return content["answer"]


def _answer(
    command: Sequence[str], log: IO[bytes], tell: Callable[[str], None]
) -> tuple[int, dict[str, Any]]:
    """The exit code and the last object that a module prints; `tell` gets how far it is."""
    content: dict[str, Any] = {}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=log, **isolated.place()
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                content = _object(line)
                if "progress" in content:
                    tell(str(content["progress"]))
        except BaseException:
            process.kill()
            raise
    return process.returncode, content


def _object(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _folder_of(study: studies.Study, run_dir: Path | None) -> Path:
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", study.name).strip("-.") or "study"
    # Unlike resolve(), it leaves a link in a loop to whoever opens it.
    folder = Path(os.path.realpath(run_dir or Path("runs") / slug))
    refuse_undecodable(folder)
    return folder


def _print_plan(folder: Path, study: studies.Study) -> None:
    from seal_tui.cli import headless

    with client(folder) as engine:
        headless.print_plan(engine.ask(PLAN(PlanRequest(study=msgspec.to_builtins(study)))))


def _running_at(folder: Path, socket: Path) -> bool:
    with SayingClient.of(folder, socket) as client:
        return client.ask(PEER()).state == "running"
