"""Pipes, devices, sockets and loops of links instead of files: refused at once, in one line."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.files import refuse_special
from tests.cli.conftest import Answer
from tests.engine.studies import prepare, write_study

Cli = Callable[..., Answer]
KINDS = ("pipe", "device", "socket", "loop")
WORDS = {
    "pipe": "a named pipe",
    "device": "a device",
    "socket": "a socket",
    "loop": "a link in a loop",
}


def make(kind: str, path: Path) -> Path:
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path.name)
    else:
        here = Path.cwd()
        # The path of a socket must be short.
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
            os.chdir(path.parent)
            try:
                made.bind(path.name)
            finally:
                os.chdir(here)
    return path


def refused(answer: Answer, kind: str, name: str) -> None:
    assert answer.returncode == 2, answer.stderr
    (line,) = answer.stderr.splitlines()
    assert WORDS[kind] in line
    assert name in line or (kind == "device" and "/dev/zero" in line)


@pytest.mark.parametrize("kind", KINDS)
def test_as_a_study(kind: str, seal_tui: Cli, tmp_path: Path) -> None:
    study = make(kind, tmp_path / "odd.toml")
    refused(seal_tui("run", study, "--headless"), kind, "odd.toml")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["pairs.jsonl", "taxonomy.toml", "gold.jsonl"])
def test_as_a_file_of_a_study(kind: str, name: str, seal_tui: Cli, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", pairs=8)
    make(kind, study.parent / name)
    refused(seal_tui("run", study, "--headless", "--run-dir", tmp_path / "run"), kind, name)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["engine.json", "engine.log", "manifest.json", "seal.duckdb"])
def test_in_a_run_folder(name: str, seal_tui: Cli, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", pairs=8)
    run = prepare(study, tmp_path / "run")
    make("pipe", run / name)
    refused(seal_tui("status", run), "pipe", name)
    refused(seal_tui("run", study, "--headless", "--run-dir", run), "pipe", name)


def test_as_the_settings_file(seal_tui: Cli, tmp_path: Path) -> None:
    (tmp_path / "seal-tui").mkdir()
    make("pipe", tmp_path / "seal-tui" / "config.toml")
    refused(seal_tui("keys", XDG_CONFIG_HOME=str(tmp_path)), "pipe", "config.toml")


def test_files_folders_and_what_is_missing_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file", tmp_path / "gone", Path("a\0b")):
        refuse_special(path)
