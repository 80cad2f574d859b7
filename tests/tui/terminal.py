"""A pseudo terminal with a program on it, as ssh or tmux would give it one."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence

# Textual asks whether the terminal knows frames; one that does says so.
_KNOWS_FRAMES = b"\x1b[?2026;2$y"
_FRAME_ENDS = b"\x1b[?2026l"


class Terminal:
    """Runs `command`. With `controlling` the terminal is the session's own, as a login shell's,
    so that its end is a signal."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (160, 50),
        controlling: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        environ = os.environ | {"TERM": "xterm-256color", "COLORTERM": ""} | dict(environment or {})
        for name in ("NO_COLOR", "COLUMNS", "LINES"):
            environ.pop(name, None)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            preexec_fn=(lambda: os.login_tty(slave)) if controlling else os.setsid,
        )
        os.close(slave)
        self.output = b""

    def read(self, timeout: float) -> bool:
        """Takes in what comes within `timeout` seconds; whether anything did."""
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            self.output += os.read(self.master, 65536)
        except OSError:
            return False
        return True

    def read_until(self, wanted: str, timeout: float = 30.0) -> None:
        """Reads until `wanted` was written since the last call."""
        start, end = len(self.output), time.monotonic() + timeout
        while wanted.encode() not in self.output[start:]:
            read = self.read(1.0)
            if time.monotonic() > end or (not read and self.process.poll() is not None):
                seen = self.output[start:].decode(errors="replace")[-2000:]
                raise AssertionError(f"{wanted!r} never came:\n{seen!r}")

    def quiet(self, seconds: float = 0.3) -> None:
        """Reads until nothing more comes; an escape must also not run into the next key."""
        while self.read(seconds):
            pass

    def write(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def press(self, keys: str, wanted: str) -> None:
        self.write(keys)
        self.read_until(wanted)
        self.quiet()

    def knows_frames(self) -> None:
        """Says that it shows whole frames only, so that their ends can be seen."""
        os.write(self.master, _KNOWS_FRAMES)

    def frames(self, since: int) -> int:
        """How many frames ended in the output from `since` on."""
        return self.output.count(_FRAME_ENDS, since)

    def close(self) -> None:
        """The line drops."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def ended(self) -> int:
        """Waits for the program; its exit code."""
        while self.process.poll() is None:
            self.read(0.2)
        while self.read(0.2):
            pass
        return self.process.returncode
