"""Hostile strings through every screen on a real terminal: what reaches it is only our own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHILD = Path(__file__).with_name("hostile_child.py")
# Every sequence that Textual itself sends: CSI with its parameters, and the shape of the mouse
# pointer. The payload's own CSI sequences are looked for by their numbers.
OWN = re.compile(r"\x1b\[[0-9;?<>=:]*[ -/]*[@-~]|\x1b\]22;[a-z-]*\x07")


class Terminal:
    """A pseudo terminal with the explorer on it."""

    def __init__(
        self,
        *arguments: str,
        state: Path,
        size: tuple[int, int] = (160, 50),
        controlling: bool = True,
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        environ = os.environ | {
            "TERM": "xterm-256color",
            "XDG_STATE_HOME": str(state),
            "COLORTERM": "",
        }
        for name in ("NO_COLOR", "COLUMNS", "LINES"):
            environ.pop(name, None)
        # As a login shell would: the terminal is the session's own, so that its end is a signal.
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            preexec_fn=(lambda: os.login_tty(slave)) if controlling else os.setsid,
        )
        os.close(slave)
        self.output = b""

    def read_until(self, wanted: str, timeout: float = 30.0) -> None:
        """Reads until `wanted` was written since the last call."""
        start, end = len(self.output), time.monotonic() + timeout
        while wanted.encode() not in self.output[start:]:
            read = self._read(1.0)
            if time.monotonic() > end or (not read and self.process.poll() is not None):
                seen = self.output[start:].decode(errors="replace")[-2000:]
                raise AssertionError(f"{wanted!r} never came:\n{seen!r}")

    def _read(self, timeout: float) -> bool:
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            self.output += os.read(self.master, 65536)
        except OSError:
            return False
        return True

    def press(self, keys: str, wanted: str) -> None:
        os.write(self.master, keys.encode())
        self.read_until(wanted)
        self.quiet()

    def quiet(self, seconds: float = 0.3) -> None:
        """Reads until nothing more comes; an escape must also not run into the next key."""
        while self._read(seconds):
            pass

    def close(self) -> None:
        """The line drops."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def ended(self) -> int:
        while self.process.poll() is None:
            self._read(0.2)
        while self._read(0.2):
            pass
        return self.process.returncode


Opener = Callable[..., Terminal]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Opens terminals, and leaves no explorer behind."""
    terminals: list[Terminal] = []

    def opener(*arguments: str, **more: Any) -> Terminal:
        terminals.append(Terminal(*arguments, state=tmp_path, **more))
        return terminals[-1]

    yield opener
    for terminal in terminals:
        terminal.close()
        terminal.process.kill()
        terminal.process.wait()


def leaks(output: bytes) -> list[str]:
    """What is in the output beside Textual's own sequences and printable text."""
    text = output.decode("utf-8")
    found = [sequence for sequence in ("\x1b[66;77H", "\x1b[2J") if sequence in text]
    rest = OWN.sub("", text).replace("\r", "").replace("\n", "")
    rest = rest.replace("👩\u200d🔬", "")
    found += [
        f"U+{ord(character):04X}"
        for character in rest
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]
    return found


def test_no_screen_lets_a_control_character_through(opened: Opener) -> None:
    terminal = opened()
    terminal.read_until("2,317")
    terminal.quiet()
    for keys, wanted in (
        ("?", "likely errors"),
        ("\x1b", "Alignment"),
        ("2", "adds 2.09"),
        ("t", "counter-clockwise"),
        ("p", "⟨U+202E⟩"),
        ("3", "shared context"),
        (" ", "have question"),
        ("\r", "esc"),
        ("b", "A is better"),
        ("b", "margin"),
        ("L", "agree on"),
        ("\x1b", "margin"),
        ("F", "enter chooses"),
        ("\x1b", "margin"),
        ("e", "19 rows"),
        ("\x1b", "margin"),
        ("\x1b", "labeler"),
        ("/reg", "enter applies"),
        ("\x1b", "24 of 24"),
        ("4", "7 of 24 decided"),
        ("5", "its pair"),
        ("c", "rejected answer"),
        ("t", "becomes misaligned"),
        ("\x10", "Search"),
        ("\x1b", "robustness scores"),
        ("2", "counter-clockwise"),
        ("c", "signs"),
        ("6", "main"),
        ("t", "SIGN"),
        ("p", "other"),
        ("7", "of pairs lie on"),
        ("z", "erring"),
        ("T", "chosen turns"),
        ("1", "2,317"),
        ("w", "esc closes"),
        ("\x1b", "Alignment"),
        ("x", "has no assistant turn"),
        ("\x1b", "Alignment"),
        ("T", "what it holds"),
        ("\r", "exact ties"),
        ("\r", "record"),
    ):
        terminal.press(keys, wanted)
        terminal.quiet()  # two escapes close together are one key of another name
    terminal.press("\x1b", "exact ties")
    os.write(terminal.master, b"q")
    assert terminal.ended() == 0
    assert "␛]52;c;ZXZpbA==␇" in terminal.output.decode()
    assert "[/INST] [@click=app.quit]q[/]" in terminal.output.decode()
    assert leaks(terminal.output) == []


def test_progress_and_the_farewell_let_nothing_through(opened: Opener) -> None:
    terminal = opened("running", size=(80, 24))
    terminal.read_until("1 of 4")
    os.write(terminal.master, b"q")
    assert terminal.ended() == 0
    assert "The engine goes on with the run" in terminal.output.decode()
    assert leaks(terminal.output) == []


def test_a_crash_restores_the_terminal_and_shows_no_text_of_the_error(opened: Opener) -> None:
    terminal = opened("crash")
    terminal.read_until("2,317")
    os.write(terminal.master, b"3")
    assert terminal.ended() == 1
    output = terminal.output.decode()
    assert output.rindex("\x1b[?1049l") > output.index("\x1b[?1049h")
    after = output[output.rindex("\x1b[?1049l") :]
    assert "seal-tui failed: RuntimeError" in after and "INST" not in after
    assert leaks(terminal.output) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_restores_the_terminal(opened: Opener, number: signal.Signals) -> None:
    terminal = opened()
    terminal.read_until("2,317")
    terminal.process.send_signal(number)
    assert terminal.ended() == 128 + number
    assert "\x1b[?1049l" in terminal.output.decode()


def test_an_idle_explorer_sends_nothing(opened: Opener) -> None:
    terminal = opened()
    terminal.read_until("2,317")
    terminal.quiet(0.7)
    before = len(terminal.output)
    terminal._read(2.0)
    assert len(terminal.output) == before
    os.write(terminal.master, b"q")
    assert terminal.ended() == 0


@pytest.mark.parametrize("controlling", [True, False], ids=["login", "nohup"])
def test_the_explorer_ends_with_its_terminal(opened: Opener, controlling: bool) -> None:
    terminal = opened(controlling=controlling)
    terminal.read_until("2,317")
    terminal.quiet()
    terminal.close()
    assert terminal.process.wait(timeout=15) == 128 + signal.SIGHUP
