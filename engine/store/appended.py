"""A file that is only ever appended to, and is on disk after each time."""

from __future__ import annotations

import os
import stat
import zlib
from pathlib import Path

import msgspec

from engine.errors import MachineError

_BLOCK = 1 << 20


class Sum(msgspec.Struct, frozen=True):
    """Size in bytes and checksum of a file, or of its beginning."""

    size: int = 0
    crc32: int = 0

    def plus(self, content: bytes) -> Sum:
        """With this after it."""
        return Sum(self.size + len(content), zlib.crc32(content, self.crc32))


def summed(path: Path, begin: Sum | None = None, until: int | None = None) -> Sum:
    """The sum of a file, or of its bytes until there; `begin` is that of its beginning, which is
    then not read again."""
    found = begin or Sum()
    with path.open("rb", buffering=0) as file:
        file.seek(found.size)
        while block := file.read(_BLOCK if until is None else min(_BLOCK, until - found.size)):
            found = found.plus(block)
    return found


class Appended:
    """One writer at a time. What was appended can be taken back until it is settled.

    `sum` is that of the file with what was appended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sum = Sum()
        self._settled: tuple[int, int, Sum] | None = None  # device, inode
        self._added = False

    def look(self) -> bool:
        """Whether there is a file. Raises MachineError if it is none that can be appended to."""
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(found.st_mode):
            raise MachineError(f"{self.path} is not a file: move it away")
        return True

    def take(self, content: Sum) -> None:
        """Go on from the file that is there now, whose sum this is."""
        self.sum = content
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            self._settled = None
        else:
            self._settled = (found.st_dev, found.st_ino, content)

    def intact(self) -> bool:
        """Whether the file is still as this process left it."""
        try:
            found = os.lstat(self.path)
        except OSError:
            return False
        if self._settled is None:
            return False
        device, inode, content = self._settled
        return (found.st_dev, found.st_ino, found.st_size) == (device, inode, content.size)

    def append(self, content: bytes) -> None:
        """Raises MachineError if it cannot be written; then nothing of it is there."""
        self._added = True
        try:
            with os.fdopen(_open(self.path, os.O_APPEND), "ab", buffering=0) as file:
                view = memoryview(content)
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
            self.sum = self.sum.plus(content)
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
            self.take(self.sum)

    def take_back(self) -> None:
        """Remove what was appended since it was settled last."""
        if self._added and self._settled is not None:
            self._added = False
            self.sum = self._settled[2]
            self.cut(self.sum.size)

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


def _open(path: Path, flags: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags)


def set_aside(path: Path) -> Path:
    """Rename a file that is damaged to a name that is free; nothing is overwritten."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    os.rename(path, aside)
    return aside
