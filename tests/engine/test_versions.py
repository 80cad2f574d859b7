"""Engines and clients of different versions: replaced, named, or used where that is safe."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import engine
from engine import launch
from engine.errors import Busy
from engine.wire import version
from engine.wire.client import SyncEngineClient
from engine.wire.endpoints import START, STATUS
from engine.wire.messages import StartRequest
from tests.command import COMMAND
from tests.engine.conftest import alive, end_engine
from tests.engine.studies import prepare, stand_in_server, until, write_study
from tests.fault.tiny import answer, write_light_study

Start = Callable[[Path], Path]
SOURCE = Path(engine.__file__).parent


def change(source: Path, file: str, old: str, new: str) -> None:
    path = source / "engine" / file
    text = path.read_text()
    assert old in text, (file, old)
    path.write_text(text.replace(old, new))


def other(folder: Path, kind: str) -> Path:
    """A copy of the engine's source of another version, to be put on PYTHONPATH."""
    shutil.copytree(SOURCE, folder / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    if kind == "of other code":
        (folder / "engine" / "launch.py").open("a").write("# the same, written otherwise\n")
    elif kind == "of another contract":
        change(folder, "wire/endpoints.py", '"/rejects"', '"/rows-left-out"')
    else:
        name = "0.1.0" if kind == "0.1.0" else "0.0.9"
        change(folder, "__init__.py", f'"{engine.__version__}"', f'"{name}"')
    if kind == "0.1.0":  # it did not say more of itself than this
        change(folder, "launch.py", '"version": __version__,', "")
        change(folder, "launch.py", '"build": version.build(),', "")
        change(folder, "run/progress.py", "contract=contract(),", "")
    return folder


@pytest.fixture
def start_other(tmp_path: Path) -> Iterator[Callable[[Path, str], launch.Holder]]:
    """Starts an engine of another version on a run folder."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(run: Path, kind: str) -> launch.Holder:
        source = other(tmp_path / f"source {len(processes)}", kind)
        processes.append(
            subprocess.Popen(
                [sys.executable, "-P", "-m", "engine", run],
                env={**os.environ, "PYTHONPATH": str(source)},
                cwd=source,
            )
        )
        until(lambda: launch.reachable(run), "the other engine is up", 30)
        holder = launch.holder(run)
        assert holder is not None and holder.pid == processes[-1].pid
        return holder

    yield start
    for process in processes:
        process.terminate()
        process.wait(30)


@pytest.fixture
def idle(tmp_path: Path) -> Path:
    """A run folder whose run was never started."""
    return prepare(write_study(tmp_path / "study", pairs=8), tmp_path / "run")


@pytest.fixture
def long(tmp_path: Path) -> Iterator[Path]:
    """A run folder whose run, once started, waits for its labeler until the test is over."""
    over = threading.Event()

    def wait(body: dict[str, object], _: object) -> str:
        over.wait(60)
        return answer(body)

    with stand_in_server(wait) as url:
        run = prepare(write_light_study(tmp_path / "study", url), tmp_path / "run")
        try:
            yield run
        finally:
            over.set()
            end_engine(run)


def begin(holder: launch.Holder) -> None:
    with SyncEngineClient.at(holder.socket) as client:
        assert client.ask(START(StartRequest())).state == "running"


@pytest.mark.parametrize(
    "kind", ["of another version", "of another contract", "of other code", "0.1.0"]
)
def test_an_idle_engine_of_another_version_is_replaced(
    kind: str, idle: Path, start_other: Callable[[Path, str], launch.Holder], start_engine: Start
) -> None:
    before = start_other(idle, kind)
    socket = start_engine(idle)
    now = launch.holder(idle)
    assert now is not None and now.build == version.build() != before.build
    with SyncEngineClient.at(socket) as client:
        status = client.ask(STATUS())
    assert (status.pid, status.engine_version) == (now.pid, engine.__version__)
    assert now.pid != before.pid and not alive(before.pid)


@pytest.mark.parametrize(
    ("kind", "name"), [("of another version", "0.0.9"), ("of another contract", "0.1.0+")]
)
def test_a_busy_engine_of_another_version_is_named_with_what_to_do_and_left_alone(
    kind: str, name: str, long: Path, start_other: Callable[[Path, str], launch.Holder]
) -> None:
    before = start_other(long, kind)
    begin(before)
    with pytest.raises(Busy) as caught:
        launch.ensure_engine(long)
    line = str(caught.value)
    assert f"version {name}" in line and f"this is {version.this()}" in line
    assert "a run is in progress: wait for it" in line and f"seal-tui stop {long}" in line
    assert "\n" not in line
    with SyncEngineClient.at(before.socket) as client:
        assert client.ask(version.PEER()).state == "running", "the run goes on"
    stopped = subprocess.run([*COMMAND, "stop", "--now", long], capture_output=True, text=True)
    assert stopped.returncode == 0, stopped.stderr
    until(lambda: not alive(before.pid), "it stops as it says", 30)


def test_a_busy_engine_of_other_code_with_the_same_contract_is_used(
    long: Path, start_other: Callable[[Path, str], launch.Holder]
) -> None:
    before = start_other(long, "of other code")
    begin(before)
    assert launch.ensure_engine(long) == before.socket
    assert alive(before.pid)


def test_a_socket_of_another_version_is_refused_in_one_line(
    idle: Path, start_other: Callable[[Path, str], launch.Holder]
) -> None:
    before = start_other(idle, "0.1.0")
    done = subprocess.run(
        [*COMMAND, "open", "--socket", before.socket], capture_output=True, text=True
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"the engine at {before.socket} is version 0.1.0, this is {version.this()}" in line
    assert alive(before.pid), "an engine of somebody else is not replaced"


def test_a_program_that_was_updated_while_it_ran_says_so_and_replaces_nothing(
    idle: Path, tmp_path: Path, start_engine: Start
) -> None:
    start_engine(idle)
    source = other(tmp_path / "old", "of another version")
    code = (
        "import sys; from pathlib import Path; from engine import launch; from engine.wire import "
        "version\nversion.build()\n"
        "Path('engine/paths.py').open('a').write('# updated')\n"
        "try: launch.ensure_engine(Path(sys.argv[1]))\n"
        "except launch.MachineError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, idle],
        env={**os.environ, "PYTHONPATH": str(source)},
        cwd=source,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "seal-tui was updated since this process started; restart it", (
        done.stderr
    )
    holder = launch.holder(idle)
    assert holder is not None and holder.build == version.build()
