"""Refuses what is no file before it is opened: a pipe waits for a writer, a device never ends. And
replaces a file in one step."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from engine.errors import BadInput, MachineError

_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with the home folder in place of `~`. Raises BadInput if there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise BadInput(f"{path}: that home folder is not known: give the whole path") from None


def refuse_undecodable(path: Path) -> None:
    """Raises BadInput for a path whose bytes are no text: neither JSON nor the database takes
    it."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise BadInput(
            f"{path} is not in {sys.getfilesystemencoding()}: rename this file or folder, or set "
            "the locale that it was named in"
        ) from None


def refuse_special(path: Path, remedy: str = "save it to a file first") -> None:
    """Raises BadInput for a pipe, a device, a socket, a link that leads to itself and a name that
    is no text. Files, folders and what is missing or out of reach are left to the caller, who says
    it better."""
    refuse_undecodable(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadInput(f"{path} is a link in a loop: give the file itself") from None
        return
    except ValueError:  # a null character
        return
    if (kind := _SPECIAL.get(stat.S_IFMT(mode))) is not None:
        raise BadInput(f"{path} is {kind}, not a file: {remedy}")


def refuse_special_in(folder: Path) -> None:
    """Raises BadInput if anything but files and folders stands in this run folder: it may come
    from someone else."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        refuse_special(Path(entry.path), "a run folder holds files only; remove it")


def part_of(path: Path) -> Path:
    """The name under which `replacing` writes: always the same, so that what a killed process left
    half-written can be removed."""
    return path.with_name(f".{path.name}.part")


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, which takes the place of `path` once the block has ended well and all of it
    is on disk: a reader sees the old one or the new one, whole. For a file with one writer.

    Raises MachineError if it cannot be written; then the old one is still there."""
    scratch = part_of(path)
    try:
        scratch.unlink(missing_ok=True)
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(scratch, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(scratch)
            raise
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> MachineError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    remedy = "free some space" if full else "make its folder writable"
    return MachineError(
        f"{path} cannot be written: {error.strerror or error}; {remedy} and try again"
    )
