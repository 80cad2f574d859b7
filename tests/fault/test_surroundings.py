"""Where the program runs: limits, modes, users, homes, locales and names that are not usual."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from engine import isolated, launch, limits, paths, xdg
from engine.errors import BadInput, SealError
from engine.files import expanded
from engine.service import Engine
from engine.settings import Place
from seal_tui import crash
from seal_tui import paths as own_paths
from seal_tui.explorer import place, settings
from tests.command import COMMAND
from tests.engine.studies import prepare
from tests.fault.conftest import Tally
from tests.fault.test_machine import _without_override
from tests.fault.tiny import write_light_study
from tests.tui.terminal import Terminal

STRANGER = 54321  # has no entry among the users
root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return prepare(write_light_study(tmp_path / "study", ""), tmp_path / "run")


def as_stranger(work: Callable[[], object]) -> str:
    """What `work` says in a process of another user: its error, or its result."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.setgroups([])
            os.setgid(STRANGER)
            os.setuid(STRANGER)
            try:
                said = str(work())
            except SealError as error:
                said = f"{type(error).__name__}: {error}"
            except BaseException:
                said = traceback.format_exc()
            os.write(writer, said.encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


@contextlib.contextmanager
def open_to_all() -> Iterator[Path]:
    """A folder that every user can reach."""
    with tempfile.TemporaryDirectory(prefix="seal-", dir="/tmp") as name:
        Path(name).chmod(0o777)
        yield Path(name)


# ---------------------------------------------------------------- limits


def test_an_engine_that_may_open_too_few_files_says_so(run: Path, tally: Tally) -> None:
    few = limits.FEWEST_FILES - 1
    done = subprocess.run(
        isolated.command("engine", str(run)),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (few, few)),
        timeout=60,
        **isolated.place(),
    )
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line) == (
        1,
        f"seal-tui: this system lets a process open only {few} files, the engine needs "
        f"{limits.FEWEST_FILES}: raise the limit (ulimit -n)",
    )
    tally.add(1, refused=1)


def test_an_engine_takes_as_many_open_files_as_it_may_have() -> None:
    code = (
        "import resource; from engine.limits import raise_file_limit; raise_file_limit(); "
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 200))

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, preexec_fn=limited)
    assert done.stdout.decode().strip() == "(200, 200)", done.stderr


# ---------------------------------------------------------------- users and modes


@root_only
def test_a_run_folder_of_another_user_is_refused_in_one_line(tally: Tally) -> None:
    with open_to_all() as folder:
        run = prepare(write_light_study(folder / "study", ""), folder / "run")
        run.chmod(0o755)
        (run / "study.json").chmod(0o644)
        (run / launch.LOCK).touch(0o600)
        said = as_stranger(lambda: launch.ensure_engine(run))
        assert said.startswith(f"MachineError: {run} cannot be written: Permission denied; the ")
        assert "copy the folder to where you may write" in said
        said = as_stranger(lambda: launch.holder_lock(run))
        assert said.startswith(f"MachineError: {run} cannot be written: Permission denied")
    tally.add(2, refused=2)


@root_only
def test_a_user_without_a_home_gets_defaults_and_no_files(
    monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "SEAL_TUI_CACHE"):
        monkeypatch.delenv(name, raising=False)
    assert as_stranger(lambda: settings.load() == settings.Settings()) == "True"
    assert as_stranger(lambda: place.load("/run") == place.Place()) == "True"
    assert as_stranger(lambda: place.keep("/run", place.Place(pane="plots"))) == "None"
    assert as_stranger(lambda: crash.note("trace")) == "no file (Not a directory)"
    assert as_stranger(lambda: xdg.config_file().exists()) == "False"
    assert "set SEAL_TUI_CACHE" in as_stranger(paths.cache_dir)
    assert "that home folder is not known" in as_stranger(lambda: expanded("~/study.toml"))
    tally.add(7, survived=5, refused=2)


@root_only
def test_folders_that_cannot_be_made_are_named_with_the_variable_that_moves_them(
    monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    with open_to_all() as folder:
        (folder / "closed").mkdir(0o755)
        monkeypatch.setenv("SEAL_TUI_CACHE", str(folder / "closed" / "cache"))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "closed"))
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "closed"))
        assert "set SEAL_TUI_CACHE to a folder where you may write" in as_stranger(paths.cache_dir)
        assert "set XDG_RUNTIME_DIR to a folder" in as_stranger(paths.runtime_dir)
        assert "no file (Permission denied)" in as_stranger(lambda: crash.note("trace"))
        assert as_stranger(lambda: place.keep("/run", place.Place())) == "None"
        assert "PermissionError" in as_stranger(own_paths.copied_file)  # clipboard.py goes on
    tally.add(4, survived=2, refused=2)


def test_the_explorer_works_where_it_may_write_nothing_of_its_own(
    run: Path, start: Callable[[Path], Path], tmp_path: Path, tally: Tally
) -> None:
    start(run)
    closed = tmp_path / "closed"
    closed.mkdir(0o555)
    own = {f"XDG_{kind}_HOME": str(closed) for kind in ("CONFIG", "STATE", "CACHE")}
    plain_user = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
    explorer = Terminal(
        [*(plain_user if os.getuid() == 0 else []), *COMMAND, "open", str(run)],
        environment={**own, "HOME": str(closed), "LC_ALL": "C"},
    )
    try:
        explorer.read_until("not started", timeout=20)
        explorer.write("q")
        assert explorer.ended() == 0
    finally:
        explorer.process.kill()
        explorer.close()
    assert b"Traceback" not in explorer.output
    assert not list(closed.iterdir())
    tally.add(1, survived=1)


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff\xfe"])
def test_a_name_that_is_no_text_is_refused_in_one_line(
    name: bytes, tmp_path: Path, tally: Tally
) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    folder.mkdir()
    (folder / "study.json").write_text("{}")
    for refuse in (
        lambda: launch.run_folder(folder),
        lambda: Engine(folder),
        lambda: Place("data", folder).existing("study.json", "path"),
    ):
        with pytest.raises(BadInput, match="rename this file or folder"):
            refuse()
        tally.add(1, refused=1)


STRANGE = ["with space", "new\nline", "quo'te\"$x", "-dash", "\u202ebidi", "%s{x}", "~", "x" * 200]


def test_any_name_that_is_text_is_a_run_folder(tmp_path: Path, tally: Tally) -> None:
    study = write_light_study(tmp_path / "study", "")
    for name in STRANGE:
        run = prepare(study, tmp_path / name)
        engine = Engine(launch.run_folder(run))
        assert engine.status().run_dir == str(run)
        engine.close()
        assert len(os.fsencode(launch.socket_path(run))) < 108
        tally.add(1, survived=1)


@pytest.mark.parametrize("long", ["f" * 300, "/".join(["e" * 200] * 25)], ids=["name", "path"])
def test_a_path_that_is_too_long_is_one_line(long: str, tmp_path: Path, tally: Tally) -> None:
    done = command(["status", str(tmp_path / long)])
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line[-18:]) == (2, "File name too long")
    tally.add(1, refused=1)


def command(
    arguments: list[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        timeout=60,
    )


def test_a_read_only_run_folder_is_refused_with_what_is_needed(tally: Tally) -> None:
    with open_to_all() as folder:
        run = prepare(write_light_study(folder / "study", ""), folder / "run")
        run.chmod(0o555)
        done = subprocess.run(
            [*COMMAND, "metrics", run],
            capture_output=True,
            text=True,
            preexec_fn=_without_override,
            timeout=60,
        )
        run.chmod(0o755)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line) == (
        1,
        f"seal-tui: {run} cannot be written: Permission denied; the engine that shows a run writes "
        "its lock, its log and your decisions there: copy the folder to where you may write",
    )
    tally.add(1, refused=1)


def test_an_unknown_home_is_one_line(tally: Tally) -> None:
    with pytest.raises(BadInput, match="that home folder is not known"):
        expanded("~nobody-of-that-name/x")
    tally.add(1, refused=1)
