"""Where a run folder stands: told from its copies, and noticed when it is taken away in use."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import MachineError

LOCK = "engine.lock"


def place(folder: Path) -> tuple[int, ...]:
    """Distinguishes a folder from its copies, and is the same on every host that shares it: the
    inode numbers of the folder and its lock."""
    numbers = []
    for path in (folder, folder / LOCK):
        try:
            numbers.append(path.stat().st_ino)
        except OSError:
            numbers.append(0)
    return tuple(numbers)


class Gone(MachineError):
    """A run folder was moved, deleted or replaced while this process worked in it."""


class Kept:
    """The folder that this process works in. It is kept open, so that its number is not given to
    another one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._lock = _inode(folder / LOCK)

    def close(self) -> None:
        os.close(self._handle)

    def check(self) -> None:
        """Raises Gone if the folder is no longer where it was, or its lock was removed."""
        if (what := self._gone()) is not None:
            raise Gone(f"{self.folder} {what}")

    def _gone(self) -> str | None:
        mine = os.fstat(self._handle)
        try:
            now = os.stat(self.folder).st_ino
        except (FileNotFoundError, NotADirectoryError):
            now = None
        except OSError:
            return None  # out of reach for a moment, on a disk of another host
        if now == mine.st_ino:
            if self._lock is None or _inode(self.folder / LOCK, self._lock) == self._lock:
                return None
            return f"has lost {LOCK} while it was in use: do not remove it; open the folder again"
        what = "was moved" if mine.st_nlink else "was deleted"
        if now is not None:
            what += ", and another folder put in its place,"
        remedy = "open it where it is now" if mine.st_nlink else "nothing after that is saved"
        return f"{what} while it was in use: {remedy}"


def _inode(path: Path, unknown: int | None = None) -> int | None:
    """None if there is no such file, `unknown` if the system does not tell."""
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None
    except OSError:
        return unknown
