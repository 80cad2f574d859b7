"""Processes of the engine take no code from a run, data or working folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine import isolated, launch
from tests.canaries import Canaries
from tests.engine.studies import prepare, write_study


@pytest.fixture
def canaries(tmp_path: Path) -> Canaries:
    return Canaries(tmp_path / "fired")


def test_an_engine_takes_nothing_from_the_folder_it_is_started_in(
    canaries: Canaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_engine: object
) -> None:
    here = tmp_path / "here"
    canaries.plant(here)
    canaries.plant(tmp_path / "run")
    run = prepare(write_study(tmp_path / "study", pairs=8), tmp_path / "run")
    monkeypatch.chdir(here)
    # An empty entry means the folder in which a process starts.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ.get("PYTHONPATH", ""), ""]))
    assert start_engine(run).is_socket()  # type: ignore[operator]
    assert canaries.fired() == []
    assert Path(f"/proc/{launch.holder(run).pid}/cwd").resolve() == Path("/")  # type: ignore[union-attr]


def test_relative_folders_mean_what_they_mean_to_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "src::/opt/x:")
    monkeypatch.setenv("SEAL_TUI_CACHE", "cache")
    monkeypatch.setenv("HF_HOME", "")
    environment = isolated.place()["env"]
    assert environment["PYTHONPATH"] == f"{tmp_path}/src:/opt/x"
    assert environment["SEAL_TUI_CACHE"] == f"{tmp_path}/cache"
    assert environment["HF_HOME"] == ""


def test_the_workers_of_an_engine_look_nowhere_else(canaries: Canaries, tmp_path: Path) -> None:
    here = tmp_path / "here"
    canaries.plant(here)
    code = (
        "import sys; from engine.executors import workers; "
        "process = workers._CONTEXT.Process(target=print, args=('hello',)); "
        "process.start(); process.join(); sys.exit(process.exitcode)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=here, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
    assert canaries.fired() == []


def test_the_command_as_a_module_takes_nothing_from_the_working_folder(
    canaries: Canaries, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for name in ("msgspec", "typer", "httpx", "engine"):
        canaries.write(here / f"{name}.py")
    done = subprocess.run(
        [sys.executable, "-m", "seal_tui", "--version"], cwd=here, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert canaries.fired() == []
