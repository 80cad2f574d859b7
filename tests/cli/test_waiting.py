"""A command that has to wait says for what, and can be left."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import launch
from engine.data import watching
from engine.processes import is_suspended
from engine.run import recorded
from seal_tui.cli import runs
from tests.command import COMMAND
from tests.engine.conftest import end_engine
from tests.engine.released import write_compare
from tests.engine.studies import prepare, until, write_pairs, write_study
from tests.tui.terminal import Terminal


@pytest.fixture
def suspended(tmp_path: Path) -> Iterator[Path]:
    """A run folder whose engine was stopped by a signal."""
    run = prepare(write_study(tmp_path / "study", pairs=8), tmp_path / "run")
    launch.ensure_engine(run)
    engine = launch.holder(run)
    assert engine is not None
    os.kill(engine.pid, signal.SIGSTOP)
    until(lambda: is_suspended(engine.pid), "the engine is suspended")
    yield run
    os.kill(engine.pid, signal.SIGCONT)
    end_engine(run)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: object) -> Terminal:
        opened.append(Terminal([*COMMAND, *map(str, arguments)]))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
        one.process.kill()
        one.process.wait()


@pytest.mark.parametrize("command", ["status", "metrics", "stop"])
def test_a_suspended_engine_is_named_and_the_command_can_be_left(
    command: str, suspended: Path, terminal: Callable[..., Terminal]
) -> None:
    opened = terminal(command, suspended)
    engine = launch.holder(suspended)
    assert engine is not None
    opened.read_until(f"kill -CONT {engine.pid} continues it", timeout=20)
    opened.write("\x03")
    assert opened.ended() == 130
    assert b"Traceback" not in opened.output


def test_a_command_goes_on_once_the_engine_does(
    suspended: Path, terminal: Callable[..., Terminal]
) -> None:
    opened = terminal("status", suspended)
    engine = launch.holder(suspended)
    assert engine is not None
    opened.read_until("is suspended", timeout=20)
    os.kill(engine.pid, signal.SIGCONT)
    assert opened.ended() == 0
    # The line that said so is gone from the terminal.
    assert b"small: not started" in opened.output.rpartition(b"\x1b[2K")[2], opened.output


@pytest.fixture
def unannounced(tmp_path: Path) -> Iterator[Path]:
    """A run folder that somebody holds who never says where he listens."""
    run = prepare(write_study(tmp_path / "study", pairs=8), tmp_path / "run")
    with launch.holder_lock(run):
        yield run


@pytest.mark.parametrize(
    ("command", "key", "code"), [("open", "q", 0), ("status", "\x03", 130), ("stop", "\x03", 130)]
)
def test_an_engine_that_never_announces_itself_can_be_left_at_once(
    command: str, key: str, code: int, unannounced: Path, terminal: Callable[..., Terminal]
) -> None:
    opened = terminal(command, unannounced)
    opened.read_until("aiting for the engine", timeout=20)
    began = time.monotonic()
    opened.write(key)
    assert opened.ended() == code
    assert time.monotonic() - began < 10, "it would wait for half a minute"


def test_the_explorer_says_that_the_engine_does_not_answer(
    suspended: Path, terminal: Callable[..., Terminal]
) -> None:
    engine = launch.holder(suspended)
    assert engine is not None
    opened = terminal("open", suspended)
    opened.read_until("does not respond; waiting for it", timeout=20)
    os.kill(engine.pid, signal.SIGCONT)
    opened.read_until("not started", timeout=20)
    os.kill(engine.pid, signal.SIGSTOP)
    opened.read_until("waiting for the engine", timeout=20)
    opened.write("q")
    assert opened.ended() == 0


def test_a_check_of_files_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said = "\n\nHuman: hi {0}\n\nAssistant: {1} {0}"
    rows = [
        {"id": str(n), "chosen": said.format(n, "yes"), "rejected": said.format(n, "no")}
        for n in range(20)
    ]
    write_pairs(tmp_path / "pairs.jsonl", rows)
    for role in ("pre", "post"):
        write_compare(tmp_path / f"{role}.csv", {row["id"]: (2.0, -1.0) for row in rows})
    study = tmp_path / "study.toml"
    study.write_text(
        '[data]\npath = "pairs.jsonl"\n[labelers.main]\nbackend = "none"\n[rewards.pre]\n'
        'path = "pre.csv"\n[rewards.post]\npath = "post.csv"\n[rewrites]\nsample = 0\n'
    )
    monkeypatch.setattr(watching, "EVERY", 10)
    monkeypatch.setattr(recorded, "TELL_S", 0)
    assert recorded.check(study) == {"pairs": 20, "rewrites": 0}
    told = [json.loads(line)["progress"] for line in capfd.readouterr().out.splitlines()]
    assert [line.split(" rows, ")[0] for line in told] == [
        "reading pairs: 10",
        "reading pairs: 20",
        "reading pairs: 10 of 20",
        "reading pairs: 20",
        *("reading pre.csv: 10", "reading pre.csv: 20"),
        *("reading post.csv: 10", "reading post.csv: 20"),
    ]
    assert all(" a second" in line for line in told)
    assert "s left" in told[2]


def test_what_a_process_says_before_its_answer_is_passed_on() -> None:
    program = (
        "import json, sys; print(json.dumps({'progress': 'half'}), flush=True); "
        "print('noise', file=sys.stderr); print(json.dumps({'problem': None, 'answer': 7}))"
    )
    told: list[str] = []
    with tempfile.TemporaryFile() as log:
        answer = runs._answer([sys.executable, "-c", program], log, told.append)
    assert answer == (0, {"problem": None, "answer": 7})
    assert told == ["half"]
