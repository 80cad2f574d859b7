"""Says for what a command waits, if that takes longer than a moment."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from engine import door, launch
from engine.processes import is_suspended
from engine.wire.client import SyncEngineClient
from engine.wire.endpoints import Call
from seal_tui.text.safe import Safe, fit, one_line

T = TypeVar("T")

AFTER_S = 1.0
LOG_AFTER_S = 10.0  # where no person looks on, only what is unusual is said


class Waiting:
    """The line of one wait. It is written by one thread at a time."""

    def __init__(self, what: str, folder: Path | None) -> None:
        self.what, self.folder = f"waiting for {what}", folder
        self.live = sys.stderr.isatty()
        self.every = AFTER_S / 4 if self.live else LOG_AFTER_S
        self.said = 0.0  # when; 0 for not yet
        self._lock = threading.Lock()

    def now(self, what: str) -> None:
        """Say from here on that this is done."""
        self.what = what
        if self.said and time.monotonic() - self.said >= self.every:
            self.say()

    def say(self) -> None:
        with self._lock:
            line = _line(self.what, self.folder)
            self.said = time.monotonic()
            if not self.live:
                print(line, file=sys.stderr, flush=True)
                return
            terminal = door.behind(sys.stderr)
            width = shutil.get_terminal_size().columns - 1
            terminal.write(f"\r\x1b[2K{fit(line, width).rstrip()}")
            terminal.flush()

    def forget(self) -> None:
        if self.live and self.said:
            terminal = door.behind(sys.stderr)
            terminal.write("\r\x1b[2K")
            terminal.flush()


@contextmanager
def waiting(what: str, folder: Path | None = None) -> Iterator[Waiting]:
    """A line on stderr while the block takes longer than a moment; a terminal forgets it after.
    `folder`: that of the engine that is waited for, whose process is looked at."""
    line = Waiting(what, folder)
    timer = threading.Timer(AFTER_S if line.live else LOG_AFTER_S, line.say)
    timer.daemon = True
    timer.start()
    try:
        yield line
    finally:
        timer.cancel()
        timer.join()
        line.forget()


def _line(what: str, folder: Path | None) -> Safe:
    engine = launch.holder(folder) if folder is not None else None
    hint = ""
    if engine is not None and is_suspended(engine.pid):
        hint = f": process {engine.pid} is suspended, kill -CONT {engine.pid} continues it"
    elif engine is not None:
        hint = f" (process {engine.pid})"
    return one_line(f"{what}{hint} · ctrl+c leaves")


class SayingClient(SyncEngineClient):
    """A client of the engine of `folder` that says when it has to wait for an answer."""

    folder: Path | None = None

    @classmethod
    def of(cls, folder: Path, socket: Path | None = None) -> SayingClient:
        """Connected to `socket`, or to whatever engine the folder has, which is started if there
        is none."""
        with waiting("the engine", folder):
            made = cls.at(socket if socket is not None else lambda: launch.ensure_engine(folder))
        made.folder = folder
        return made

    def ask(self, call: Call[T]) -> T:
        with waiting(f"the engine's answer to {call.endpoint}", self.folder):
            return super().ask(call)
