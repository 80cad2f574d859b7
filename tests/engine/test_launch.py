"""Engine processes: found, started, replaced, held by one alone, gone when nobody needs them."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import socket as sockets
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
import pytest

from engine import launch
from engine.errors import BadInput, Busy, MachineError
from engine.place import place
from engine.wire.messages import RunStatus, StageProgress
from tests.engine.conftest import alive
from tests.engine.studies import (
    manifest,
    prepare,
    run_to_end,
    stand_in_server,
    until,
    write_study,
)
from tests.fault.conftest import models
from tests.fault.tiny import answer, write_tiny_study

__all__ = ["models"]

Start = Callable[[Path], Path]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder whose run was never started; its engine is up in a second."""
    return prepare(write_study(tmp_path / "study", pairs=8), tmp_path / "run")


def client(socket: Path) -> httpx.Client:
    transport = httpx.HTTPTransport(uds=str(socket))
    return httpx.Client(transport=transport, base_url="http://engine", timeout=20)


def status(socket: Path) -> RunStatus:
    with client(socket) as http:
        return msgspec.json.decode(http.get("/status").content, type=RunStatus)


def post(socket: Path, path: str) -> None:
    with client(socket) as http:
        assert http.post(path).status_code == 200


def pid_of(run: Path) -> int:
    found = launch.holder(run)
    assert found is not None
    return found.pid


def note(run: Path, **changes: object) -> None:
    content = {"pid": 1, "host": platform.node(), "socket": "/gone.sock", **changes}
    (run / launch.HOLDER).write_text(json.dumps(content))


# ---------------------------------------------------------------- found and started


def test_an_engine_is_started_once_and_found_again(run: Path, start_engine: Start) -> None:
    socket = start_engine(run)
    found = status(socket)
    assert (found.state, found.run_dir) == ("idle", str(run))
    assert found.pid == pid_of(run) != os.getpid()
    assert start_engine(run) == socket
    assert status(socket).pid == found.pid


def test_the_engine_is_in_a_session_of_its_own(run: Path, start_engine: Start) -> None:
    start_engine(run)
    pid = pid_of(run)
    assert os.getsid(pid) == pid != os.getsid(0)
    os.kill(pid, signal.SIGHUP)  # the terminal goes
    assert status(start_engine(run)).pid == pid


def test_the_socket_and_the_run_files_are_private(run: Path, start_engine: Start) -> None:
    socket = start_engine(run)
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    for name in ("seal.duckdb", launch.HOLDER, launch.LOCK):
        assert (run / name).stat().st_mode & 0o077 == 0, name


def test_a_runtime_folder_that_others_may_enter_is_refused(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        (Path(short) / "seal-tui").mkdir()
        (Path(short) / "seal-tui").chmod(0o755)
        with pytest.raises(MachineError, match="chmod 700"):
            launch.ensure_engine(run)


def test_a_runtime_folder_with_a_long_path_is_no_obstacle(
    run: Path, start_engine: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert status(start_engine(run)).state == "idle"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": "x"}', "\x00"])
def test_a_damaged_note_is_replaced(content: str, run: Path, start_engine: Start) -> None:
    if content in ("", "[]"):  # each start costs a second; two of them go all the way
        (run / launch.HOLDER).write_text(content)
        assert status(start_engine(run)).pid == pid_of(run)
    else:
        (run / launch.HOLDER).write_text(content)
        assert launch.holder(run) is None


def test_the_note_and_socket_of_a_dead_engine_are_replaced(run: Path, start_engine: Start) -> None:
    socket = start_engine(run)
    dead = pid_of(run)
    os.kill(dead, signal.SIGKILL)
    until(lambda: not alive(dead), "the engine is dead")
    assert socket.exists(), "nobody cleaned up"
    assert pid_of(run) == dead
    again = start_engine(run)
    assert status(again).pid == pid_of(run) != dead


def test_something_else_where_the_socket_should_be_is_replaced(
    run: Path, start_engine: Start
) -> None:
    with contextlib.closing(sockets.socket(sockets.AF_UNIX)) as stale:
        stale.bind(str(launch.socket_path(run)))  # bound, nobody listens
        note(run, socket=str(launch.socket_path(run)))
        assert status(start_engine(run)).pid == pid_of(run)


def test_clients_that_come_at_once_get_the_same_engine(run: Path, start_engine: Start) -> None:
    code = (
        "import sys; from pathlib import Path; from engine import launch\n"
        "print(launch.ensure_engine(Path(sys.argv[1])))"
    )
    clients = [
        subprocess.Popen([sys.executable, "-c", code, run], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = {process.communicate(timeout=60)[0].strip() for process in clients}
    assert [process.returncode for process in clients] == [0, 0, 0]
    assert said == {str(start_engine(run))}


# ---------------------------------------------------------------- held


def test_a_second_engine_on_the_folder_is_refused_naming_the_holder(
    run: Path, start_engine: Start
) -> None:
    start_engine(run)
    second = subprocess.run(
        [sys.executable, "-m", "engine", run], capture_output=True, text=True, timeout=60
    )
    assert second.returncode == 1
    assert second.stdout == ""
    (line,) = second.stderr.splitlines()
    assert f"process {pid_of(run)} on {platform.node()}" in line
    assert status(start_engine(run)).pid == pid_of(run), "the first one is untouched"


def test_a_folder_held_on_another_host_says_where_and_how_to_mend(run: Path) -> None:
    note(run, host="gpu-17", pid=4242)
    with pytest.raises(Busy) as caught:
        launch.ensure_engine(run)
    assert "process 4242 on gpu-17" in str(caught.value)
    assert str(run / launch.HOLDER) in str(caught.value)


def test_an_engine_that_cannot_start_gives_its_reason_in_one_line(run: Path) -> None:
    (run / "seal.duckdb").write_bytes(b"no database" * 999)
    with pytest.raises(MachineError) as caught:
        launch.ensure_engine(run)
    assert "seal.duckdb is damaged" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_study_gives_its_mend_in_one_line(run: Path) -> None:
    (run / "study.json").write_text("{")
    with pytest.raises(BadInput, match="seal-tui run STUDY"):
        launch.ensure_engine(run)


# ---------------------------------------------------------------- leaving


def test_an_engine_nobody_needs_leaves_and_cleans_up(
    run: Path, start_engine: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAL_TUI_IDLE_S", "0.5")
    socket = start_engine(run)
    pid = pid_of(run)
    until(lambda: not alive(pid), "the idle engine leaves", 30)
    assert not socket.exists()
    assert not (run / launch.HOLDER).exists()
    assert not launch.held(run)


@pytest.mark.parametrize("wish", ["soon", "nan", "-1", "0", ""])
def test_an_idle_time_that_is_none_is_one_line(
    wish: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAL_TUI_IDLE_S", wish)
    done = subprocess.run(
        [sys.executable, "-m", "engine", run], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line == f"seal-tui: SEAL_TUI_IDLE_S = {wish!r}: must be a positive number of seconds"


def test_an_engine_that_is_watched_stays(
    run: Path, start_engine: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAL_TUI_IDLE_S", "0.5")
    socket = start_engine(run)
    pid = pid_of(run)
    with client(socket) as http, http.stream("GET", "/events") as events:
        lines = events.iter_lines()  # kept: a stream ends with its iterator
        next(lines)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert alive(pid)
            time.sleep(0.1)


@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT])
def test_an_engine_told_to_end_leaves_soon_even_when_watched_and_cleans_up(
    wish: signal.Signals, run: Path, start_engine: Start
) -> None:
    socket = start_engine(run)
    pid = pid_of(run)
    with client(socket) as http, http.stream("GET", "/events") as events:
        lines = events.iter_lines()
        next(lines)
        os.kill(pid, wish)
        until(lambda: not alive(pid), "the engine leaves", 10)
    assert not socket.exists()
    assert not (run / launch.HOLDER).exists()


def test_after_a_shutdown_a_new_engine_comes_at_once(run: Path, start_engine: Start) -> None:
    socket = start_engine(run)
    first = pid_of(run)
    post(socket, "/shutdown")
    assert status(start_engine(run)).pid == pid_of(run) != first


# ---------------------------------------------------------------- events


def snapshots(lines: object) -> object:
    for line in lines:  # type: ignore[attr-defined]
        if line.startswith("data: "):
            yield msgspec.json.decode(line[6:].encode(), type=RunStatus)


def test_events_begin_with_a_snapshot_and_go_on_with_every_change(
    run: Path, start_engine: Start
) -> None:
    socket = start_engine(run)
    with client(socket) as http, http.stream("GET", "/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = snapshots(response.iter_lines())
        assert next(events).state == "idle"  # type: ignore[call-overload]
        (run.parent / "study" / "pairs.jsonl").write_text("")  # the run fails at once
        post(socket, "/run")
        seen = [next(events)]  # type: ignore[call-overload]
        while seen[-1].state == "running":
            seen.append(next(events))  # type: ignore[call-overload]
    assert seen[-1].state == "failed"
    versions = [snapshot.version for snapshot in seen]
    assert versions == sorted(set(versions))


def test_many_watchers_do_not_keep_others_waiting(run: Path, start_engine: Start) -> None:
    socket = start_engine(run)
    with contextlib.ExitStack() as open_streams:
        kept = []
        for _ in range(45):
            http = open_streams.enter_context(client(socket))
            response = open_streams.enter_context(http.stream("GET", "/events"))
            kept.append(response.iter_lines())
            next(kept[-1])
        time.sleep(0.3)  # every one of them is waiting for a change by now
        began = time.monotonic()
        with client(socket) as http:
            assert http.get("/manifest").status_code == 409
        assert time.monotonic() - began < 5


# ---------------------------------------------------------------- killed


def test_an_engine_killed_in_its_run_is_replaced_and_the_run_ends_as_if_nothing_had_been(
    models: Path, tmp_path: Path, start_engine: Start
) -> None:
    from tests.engine.test_pipeline import comparable, rows

    def slowly(body: dict[str, object], _: object) -> str:
        time.sleep(0.02)  # so that there is something between the first and the last
        return answer(body)

    with stand_in_server(slowly) as url:
        study = write_tiny_study(tmp_path / "study", models, url, pairs=16, sample=0)
        whole, killed = (prepare(study, tmp_path / name) for name in ("whole", "killed"))
        uninterrupted = run_to_end(whole)

        socket = start_engine(killed)
        post(socket, "/run")
        until(lambda: stage(socket, "label:main").done >= 8, "some texts have labels")
        worker = child_of(pid_of(killed))
        os.kill(pid_of(killed), signal.SIGKILL)
        until(lambda: not alive(worker), "the worker leaves when its engine is gone", 60)

        socket = start_engine(killed)
        assert status(socket).state != "running", "that run is dead"
        post(socket, "/run")
        until(lambda: stage(socket, "score:pre").state == "running", "rewards are computed")
        os.kill(pid_of(killed), signal.SIGTERM)  # the machine goes down in good order
        until(lambda: not launch.held(killed), "the engine leaves", 60)
        assert manifest(killed)["status"]["state"] == "stopped"

        socket = start_engine(killed)
        post(socket, "/run")
        resumed = until(lambda: over(socket), "the run ends", 200)
        post(socket, "/shutdown")
        until(lambda: not launch.held(killed), "the engine leaves", 30)
    assert [resumed.state, uninterrupted.state] == ["done", "done"], resumed
    assert resumed.counts == uninterrupted.counts
    # As text: labels without scores hold NaN, which equals nothing.
    assert repr(comparable(killed)) == repr(comparable(whole))
    assert manifest(killed)["metrics_sha256"] == manifest(whole)["metrics_sha256"]
    assert len(rows(killed)["pairs"]) == 16


def stage(socket: Path, name: str) -> StageProgress:
    return next(stage for stage in status(socket).stages if stage.name == name)


def over(socket: Path) -> RunStatus | None:
    found = status(socket)
    return found if found.state != "running" else None


def child_of(pid: int) -> int:
    """The worker among an engine's children."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise AssertionError("the engine has no worker")


def test_two_threads_of_one_client_find_one_engine(run: Path, start_engine: Start) -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(start_engine(run)), daemon=True)
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 2
    assert len(set(found)) == 1


# ---------------------------------------------------------------- a folder that was copied


def test_a_copy_has_an_engine_of_its_own(run: Path, start_engine: Start, tmp_path: Path) -> None:
    socket = start_engine(run)
    copy = shutil.copytree(run, tmp_path / "copy")
    assert launch.holder(copy) == launch.holder(run), "the note was copied too"
    other = start_engine(copy)
    assert other != socket
    assert (status(other).run_dir, status(socket).run_dir) == (str(copy), str(run))
    assert start_engine(run) == socket, "the engine of the original is where it was"


def test_the_note_of_version_0_1_0_counts_in_its_own_folder_alone(
    run: Path, tmp_path: Path
) -> None:
    note(run, socket=str(launch.socket_path(tmp_path / "original")))
    assert launch.reachable(run) is None


def test_a_copy_from_another_host_is_opened(run: Path, tmp_path: Path) -> None:
    original = tmp_path / "original"
    original.mkdir()
    note(run, host="gpu-17", pid=4242, place=[original.stat().st_ino, 0])
    os.utime(run / launch.HOLDER, (time.time() - 60,) * 2)
    assert launch.reachable(run) is None


def test_a_folder_that_seems_copied_waits_for_an_engine_that_renews_its_note(
    run: Path, tmp_path: Path
) -> None:
    """Some shared file systems give the same folder other numbers on every host."""
    note(run, host="gpu-17", pid=4242, place=[1, 2])
    os.utime(run / launch.HOLDER, (time.time() - 60,) * 2)
    launch.beat(run)
    with pytest.raises(Busy, match=r"process 4242 on gpu-17.*try again in 15 s"):
        launch.reachable(run)


def test_a_folder_shared_with_another_host_is_not_taken_from_it(run: Path) -> None:
    note(run, host="gpu-17", pid=4242, place=list(place(run)))
    os.utime(run / launch.HOLDER, (time.time() - 600,) * 2)
    with pytest.raises(Busy, match=r"run seal-tui there.*is a copy, remove .*engine\.json"):
        launch.reachable(run)


def test_a_link_in_the_place_of_the_runtime_folder_is_refused(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may have put it in /tmp, to a folder of this user."""
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        (Path(short) / "mine").mkdir(mode=0o700)
        (Path(short) / "seal-tui").symlink_to("mine")
        with pytest.raises(MachineError, match="not a folder of yours"):
            launch.ensure_engine(run)
        (Path(short) / "seal-tui").unlink()
        (Path(short) / "seal-tui").touch()
        with pytest.raises(MachineError, match="not a folder of yours"):
            launch.ensure_engine(run)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_runtime_folder_of_another_user_is_refused(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        (Path(short) / "seal-tui").mkdir(mode=0o700)
        os.chown(Path(short) / "seal-tui", 4321, 4321)
        with pytest.raises(MachineError, match="not a folder of yours"):
            launch.ensure_engine(run)
