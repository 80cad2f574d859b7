"""A file that is only ever appended to, and is on disk after each time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from engine.errors import MachineError


class Appended:
    """One writer at a time. What was appended can be taken back until it is settled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._settled: tuple[int, int, int] | None = None  # device, inode, size
        self._added = False

    def look(self) -> bool:
        """Take the file as it is now; whether there is one. Raises MachineError if it is none that
        can be appended to."""
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            self._settled = None
            return False
        if not stat.S_ISREG(found.st_mode):
            raise MachineError(f"{self.path} is not a file: move it away")
        self._settled = (found.st_dev, found.st_ino, found.st_size)
        return True

    def intact(self) -> bool:
        """Whether the file is still as this process left it."""
        try:
            found = os.lstat(self.path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino, found.st_size) == self._settled

    def append(self, content: bytes) -> None:
        """Raises MachineError if it cannot be written; then nothing of it is there."""
        self._added = True
        try:
            with os.fdopen(_open(self.path, os.O_APPEND), "ab", buffering=0) as file:
                view = memoryview(content)
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
        except OSError as error:
            self.take_back()
            raise MachineError(
                f"{self.path} cannot be written: {error.strerror}; nothing was saved of this, all "
                "earlier decisions are: free some space and try again"
            ) from None

    def settle(self) -> None:
        """Keep what was appended."""
        if self._added:
            self._added = False
            self.look()

    def take_back(self) -> None:
        """Remove what was appended since it was settled last."""
        if self._added and self._settled is not None:
            self._added = False
            self.cut(self._settled[2])

    def cut(self, size: int) -> None:
        """Keep only so many bytes."""
        try:
            handle = _open(self.path, 0)
            try:
                os.ftruncate(handle, size)
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise MachineError(f"{self.path} cannot be written: {error.strerror}") from None
        self.look()


def _open(path: Path, flags: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags)


def set_aside(path: Path) -> Path:
    """Rename a file that is damaged to a name that is free; nothing is overwritten."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    os.rename(path, aside)
    return aside
