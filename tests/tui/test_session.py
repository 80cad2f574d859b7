"""An afternoon's work as a person does it: the real command in a real tmux, and what can happen."""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import COMMAND
from tests.engine.conftest import _short_sockets

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
__all__ = ["_short_sockets"]

PATIENCE_S = 40.0
SIZE = ("COLUMNS", "LINES", "TMUX")


class Tmux:
    """A tmux server of its own with at most one window."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "tmux"

    def __call__(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self._socket), "-f", os.devnull, *arguments]
        # Textual would believe the size that the test runner's environment gives.
        environ = {key: value for key, value in os.environ.items() if key not in SIZE}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
        return done.stdout

    def start(self, command: str, width: int = 160, height: int = 50) -> None:
        self("new-session", "-d", "-x", str(width), "-y", str(height), command)

    def type(self, *keys: str) -> None:
        """All in one bunch, as a slow line delivers them."""
        self("send-keys", *keys)

    @property
    def screen(self) -> str:
        return self("capture-pane", "-p")

    def shows(self, *texts: str, without: str = "\0") -> str:
        """Waits for a screen with all `texts` and not `without`."""
        end = time.monotonic() + PATIENCE_S
        screen = self.screen
        while without in screen or not all(text in screen for text in texts):
            assert time.monotonic() < end, f"{texts} never came:\n{screen}"
            time.sleep(0.05)
            screen = self.screen
        return screen

    def escape(self, out_of: str) -> None:
        """The key alone: a terminal cannot tell escape and x from alt+x."""
        self.type("Escape")
        self.shows(without=out_of)


@pytest.fixture
def tmux(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    one = Tmux(tmp_path_factory.mktemp("t"))
    yield one
    subprocess.run(["tmux", "-S", str(one._socket), "kill-server"], capture_output=True)


@pytest.fixture
def run(recorded_run: Path, tmp_path: Path) -> Iterator[Path]:
    folder = shutil.copytree(recorded_run, tmp_path / "run")
    yield folder
    subprocess.run([*COMMAND, "stop", str(folder)], capture_output=True)


def opening(run: Path) -> str:
    """A shell command that opens the explorer, and stays to say how it ended."""
    return f"{shlex.join([*COMMAND, 'open', str(run)])}; echo left with $?; sleep 60"


def engine_pid(run: Path) -> int | None:
    """The process that holds the run, if one does just now."""
    try:
        return int(json.loads((run / "engine.json").read_text())["pid"])
    except FileNotFoundError:
        return None


def test_filter_open_decide_undo_export_and_quit(tmux: Tmux, run: Path) -> None:
    tmux.start(opening(run))
    tmux.shows("1 overview", "Alignment")
    tmux.type("3")
    tmux.shows("24 of 24 pairs", "0 decided")
    tmux.type("/regime:got", "Enter")
    tmux.shows("filter regime:got", "6 of 24 pairs")
    tmux.type("Enter")
    tmux.shows("esc back")
    tmux.escape(out_of="esc back")
    tmux.type("xd")
    tmux.shows("2 decided")
    tmux.type("u")
    tmux.shows("1 decided")
    tmux.type("nboth evade", "C-s")
    tmux.shows("“both evade”")
    tmux.type("e")
    tmux.shows("6 rows of 6 pairs · 1 flip")
    tmux.type("Enter")
    tmux.shows("6 rows in ")
    tmux.escape(out_of="esc cancels")
    tmux.type("q")
    tmux.shows("left with 0")
    rows = (run / "exports" / "pairs.jsonl").read_text().splitlines()
    assert len(rows) == 6 and set(json.loads(rows[0])) >= {"prompt", "chosen", "rejected"}


def test_keys_that_come_in_a_bunch_are_about_one_pair_each(tmux: Tmux, run: Path) -> None:
    tmux.start(opening(run))
    tmux.shows("1 overview", "Alignment")
    tmux.type("4")
    tmux.shows("0 of 24 decided")
    tmux.type("axdt!")
    screen = tmux.shows("5 of 24 decided")
    for verdict in ("1 keep", "1 flip", "1 drop", "1 tie", "1 discuss"):
        assert verdict in screen


def test_the_explorer_goes_on_when_the_terminal_is_detached_and_attached(
    tmux: Tmux, run: Path
) -> None:
    tmux.start(opening(run), width=100, height=30)
    tmux.shows("1 overview", "Alignment")
    leader, follower = pty.openpty()
    attached = subprocess.Popen(
        ["tmux", "-S", str(tmux._socket), "attach"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=os.environ | {"TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(follower)
    while b"Alignment" not in os.read(leader, 65536):
        pass
    tmux("detach-client")
    os.close(leader)
    assert attached.wait(timeout=PATIENCE_S) in (0, 1)
    tmux.type("3")
    tmux.shows("24 of 24 pairs")


def test_a_dropped_line_loses_no_decision_and_no_place(tmux: Tmux, run: Path) -> None:
    tmux.start(opening(run))
    tmux.shows("1 overview", "Alignment")
    tmux.type("3")
    tmux.shows("0 decided")
    tmux.type("/regime:resisted", "Enter")
    tmux.shows("6 of 24 pairs")
    tmux.type("x")
    tmux.shows("1 decided")
    tmux("kill-session")
    tmux.start(opening(run))
    tmux.shows("filter regime:resisted", "6 of 24 pairs", "1 decided")
    tmux.type("u")
    tmux.shows("Nothing to undo in this explorer", "flip on pair")
    tmux.type("y")
    tmux.shows("0 decided")


def test_an_engine_that_was_killed_is_started_again_under_the_open_explorer(
    tmux: Tmux, run: Path
) -> None:
    tmux.start(opening(run))
    tmux.shows("1 overview", "Alignment")
    tmux.type("3")
    tmux.shows("0 decided")
    tmux.type("x")
    tmux.shows("1 decided")
    before = engine_pid(run)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    end = time.monotonic() + PATIENCE_S
    while engine_pid(run) in (before, None):
        assert time.monotonic() < end, tmux.screen
        time.sleep(0.05)
    tmux.type("d")
    tmux.shows("2 decided")
