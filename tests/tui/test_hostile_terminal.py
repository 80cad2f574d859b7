"""Hostile strings through every screen on a real terminal: what reaches it is only our own."""

from __future__ import annotations

import re
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .terminal import Terminal

CHILD = Path(__file__).with_name("hostile_child.py")
# Every sequence that Textual itself sends: CSI with its parameters, and the shape of the mouse
# pointer. The payload's own CSI sequences are looked for by their numbers.
OWN = re.compile(r"\x1b\[[0-9;?<>=:]*[ -/]*[@-~]|\x1b\]22;[a-z-]*\x07")


Opener = Callable[..., Terminal]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Opens terminals, and leaves no explorer behind."""
    terminals: list[Terminal] = []

    def opener(*arguments: str, **more: Any) -> Terminal:
        command = [sys.executable, str(CHILD), *arguments]
        state = {"XDG_STATE_HOME": str(tmp_path)}
        terminals.append(Terminal(command, environment=state, **more))
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
        ("?", "probably in the data"),
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
        ("F", "enter selects"),
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
        ("7", "of pairs are aligned"),
        ("z", "erring"),
        ("T", "chosen turns"),
        ("1", "2,317"),
        ("w", "esc closes"),
        ("\x1b", "Alignment"),
        ("x", "has no assistant turn"),
        ("\x1b", "Alignment"),
        ("T", "contents"),
        ("\r", "exact ties"),
        ("\r", "record"),
    ):
        terminal.press(keys, wanted)
    terminal.press("\x1b", "exact ties")
    terminal.write("q")
    assert terminal.ended() == 0
    assert "␛]52;c;ZXZpbA==␇" in terminal.output.decode()
    assert "[/INST] [@click=app.quit]q[/]" in terminal.output.decode()
    assert leaks(terminal.output) == []


def test_progress_and_the_farewell_let_nothing_through(opened: Opener) -> None:
    terminal = opened("running", size=(80, 24))
    terminal.read_until("1 of 4")
    terminal.write("q")
    assert terminal.ended() == 0
    assert "The run continues in the background" in terminal.output.decode()
    assert leaks(terminal.output) == []


def test_a_crash_restores_the_terminal_and_shows_no_text_of_the_error(opened: Opener) -> None:
    terminal = opened("crash")
    terminal.read_until("2,317")
    terminal.write("3")
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
    terminal.read(2.0)
    assert len(terminal.output) == before
    terminal.write("q")
    assert terminal.ended() == 0


@pytest.mark.parametrize("controlling", [True, False], ids=["login", "nohup"])
def test_the_explorer_ends_with_its_terminal(opened: Opener, controlling: bool) -> None:
    terminal = opened(controlling=controlling)
    terminal.read_until("2,317")
    terminal.quiet()
    terminal.close()
    assert terminal.process.wait(timeout=15) == 128 + signal.SIGHUP
