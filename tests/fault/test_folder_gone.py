"""A run folder that is taken away from under its engine: it says so and makes nothing again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from engine import launch
from engine.errors import BadInput
from engine.place import Gone, Kept
from engine.wire.messages import RunStatus
from tests.command import COMMAND
from tests.engine.conftest import alive
from tests.engine.studies import prepare, stand_in_server, until
from tests.engine.test_launch import child_of, client, pid_of, post, snapshots
from tests.fault.conftest import Tally
from tests.fault.test_machine import Gate
from tests.fault.tiny import write_light_study
from tests.tui.terminal import Terminal

pytestmark = pytest.mark.fault("folders taken away")

Start = Callable[[Path], Path]
Taken = Callable[[Path], str]


def delete(run: Path) -> str:
    shutil.rmtree(run)
    return "was deleted while it was in use"


def move(run: Path) -> str:
    run.rename(run.with_name("elsewhere"))
    return "was moved while it was in use: open it where it is now"


def replace(run: Path) -> str:
    other = shutil.copytree(run, run.with_name("other"), ignore=shutil.ignore_patterns("*.wal"))
    (other / launch.HOLDER).write_text("the other's")
    (other / "seal.duckdb.wal").write_text("the other's")
    run.rename(run.with_name("elsewhere"))
    other.rename(run)
    return "was moved, and another folder put in its place, while it was in use"


def lose_lock(run: Path) -> str:
    (run / launch.LOCK).unlink()
    return "has lost engine.lock while it was in use"


@pytest.fixture
def waiting_server() -> Iterator[str]:
    gate = Gate(2)
    with stand_in_server(gate) as address:
        yield address
        gate.opened.set()


@pytest.mark.parametrize("take", [delete, move, replace, lose_lock])
def test_an_engine_whose_folder_is_taken_away_says_so_and_ends_with_its_workers(
    take: Taken, waiting_server: str, tmp_path: Path, start: Start, tally: Tally
) -> None:
    run = prepare(write_light_study(tmp_path / "study", waiting_server), tmp_path / "run")
    socket = start(run)
    pid = pid_of(run)
    post(socket, "/run")
    with client(socket) as http, http.stream("GET", "/events") as response:
        events = snapshots(response.iter_lines())
        worker = until(lambda: _child(pid), "a worker is at work", 60)
        said = take(run)
        kept = _files(run)
        status: RunStatus = next(one for one in events if one.state != "running")  # type: ignore[attr-defined]
    assert status.state == "failed"
    assert status.error is not None
    assert f"{run} {said}" in status.error
    until(lambda: not alive(pid) and not alive(worker), "no process is left", 10)
    if take is not lose_lock:
        assert _files(run) == kept, "nothing was made again, changed or removed"
    if take in (move, lose_lock):
        assert start(run if take is lose_lock else run.with_name("elsewhere")).is_socket()
    tally.add(1, refused=1)


def _child(pid: int) -> int | None:
    try:
        return child_of(pid)
    except AssertionError:
        return None


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file()}


def test_a_decision_is_not_saved_into_nowhere(url: str, tmp_path: Path, start: Start) -> None:
    run = prepare(write_light_study(tmp_path / "study", url), tmp_path / "run")
    socket = start(run)
    post(socket, "/run")
    with client(socket) as http:
        until(lambda: http.get("/status").json()["state"] == "done", "the run ends", 60)
        mark = {"pair_ids": [1], "author": "ann", "change": {"verdict": "keep"}}
        saved = http.post("/marks", json=mark)
        assert saved.status_code == 200, saved.text
        shutil.rmtree(run)
        try:
            refused = http.post("/marks", json=mark)
        except httpx.TransportError:
            return  # it has noticed already
        assert refused.status_code == 503
        assert f"{run} was moved or deleted" in refused.json()["error"]
    assert not run.exists()


def test_a_headless_run_and_commands_say_that_the_folder_is_gone(
    waiting_server: str, tmp_path: Path, tally: Tally
) -> None:
    study = write_light_study(tmp_path / "study", waiting_server)
    run = tmp_path / "run"
    headless = subprocess.Popen(
        [*COMMAND, "run", study, "--run-dir", run, "--headless"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: launch.holder(run), "the engine is up", 60)
    pid = pid_of(run)
    until(lambda: _child(pid), "a worker is at work", 60)
    shutil.rmtree(run)
    _, errors = headless.communicate(timeout=20)
    assert headless.returncode == 1
    assert errors.splitlines()[-1].startswith(f"seal-tui: {run} was deleted while it was in use")
    until(lambda: not alive(pid), "the engine is gone", 10)
    for command in ("status", "stop", "metrics"):
        done = subprocess.run([*COMMAND, command, run], capture_output=True, text=True, timeout=20)
        (line,) = done.stderr.splitlines()
        assert (done.returncode, "is not a run folder" in line) == (2, True), line
    assert not run.exists()
    tally.add(4, refused=4)


def test_looking_for_an_engine_makes_no_folder(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert not launch.held(gone)
    with pytest.raises(BadInput, match="was moved or deleted"):
        launch.ensure_engine(gone)
    with pytest.raises(BadInput, match="was moved or deleted"):
        launch.holder_lock(gone)
    assert not gone.exists()


def test_a_client_does_not_go_over_to_a_folder_put_in_the_place_of_its_own(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    again = launch.engine_of(run)
    run.rename(tmp_path / "elsewhere")
    with pytest.raises(Gone, match="was moved while"):
        again()
    run.mkdir()
    with pytest.raises(Gone, match="another folder put in its place"):
        again()


def test_a_folder_that_stays_is_not_reported(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    (tmp_path / launch.LOCK).touch()
    kept.check()


def test_the_explorer_says_that_the_folder_is_gone_and_can_be_left(
    tmp_path: Path, start: Start, tally: Tally
) -> None:
    run = prepare(write_light_study(tmp_path / "study", ""), tmp_path / "run")
    start(run)
    explorer = Terminal([*COMMAND, "open", str(run)])
    try:
        explorer.read_until("not started", timeout=20)
        shutil.rmtree(run)
        explorer.read_until("was deleted while it was in use", timeout=5)
        explorer.write("q")
        assert explorer.ended() == 0
    finally:
        explorer.close()
        explorer.process.kill()
    assert not run.exists()
    tally.add(1, refused=1)
