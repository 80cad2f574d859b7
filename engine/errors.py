"""The errors that are told to people: one family, and a kind that decides what follows from each.

A message is one line: what is wrong, where, and how to fix it. Raise the class of the kind; catch
`SealError` for all of them. What only steers the program (a run that was stopped, a worker that
died) is not of this family.
"""

from __future__ import annotations

import errno
import re
import sys
import traceback
from collections.abc import Iterator
from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    """What went wrong, as it is named on the wire, with the HTTP status and the exit code."""

    http_status: int
    exit_code: int

    def __new__(cls, name: str, http_status: int, exit_code: int) -> Self:
        kind = str.__new__(cls, name)
        kind._value_ = name
        kind.http_status = http_status
        kind.exit_code = exit_code
        return kind

    BAD_INPUT = ("bad_input", 422, 2)
    NOT_FOUND = ("not_found", 404, 2)
    NOT_READY = ("not_ready", 409, 1)
    BUSY = ("busy", 409, 1)
    CONFLICT = ("conflict", 409, 1)
    MACHINE = ("machine", 503, 1)
    FAULT = ("fault", 500, 1)


# A name that nobody can read, such as a path of thousands of characters: only its ends are shown.
_ENDLESS = re.compile(r"(\S{150})\S{150,}(\S{50})")


# What the operating system says about a path that somebody gave, and not about itself.
_WRONG_PATH = (
    errno.EEXIST,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)


class SealError(Exception):
    """The base of the family; raise one of its subclasses."""

    kind: Kind

    def __init__(self, message: str) -> None:
        line = " ".join(line.strip() for line in message.splitlines())
        super().__init__(_ENDLESS.sub(lambda word: f"{word[1]}…{word[2]}", line))


class BadInput(SealError):
    """What a person gave is wrong: a study, data, an option, a filter, a decision."""

    kind = Kind.BAD_INPUT


class FilterError(BadInput):
    """A filter is wrong from `start` to `end`; a class of its own because it carries that place."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.start = start
        self.end = end


class NotFound(SealError):
    """There is no pair, rewrite, feature or order of that name."""

    kind = Kind.NOT_FOUND


class NotReady(SealError):
    """The run has not come far enough."""

    kind = Kind.NOT_READY


class Busy(SealError):
    """Somebody else is using it: another engine, a run that is on, an export being written."""

    kind = Kind.BUSY


class Conflict(SealError):
    """A change was made on a state that somebody else has changed since."""

    kind = Kind.CONFLICT


class MachineError(SealError):
    """Nothing is wrong with the input: a disk, memory, a package, a model or an endpoint fails."""

    kind = Kind.MACHINE


class MemoryFull(MachineError):
    """The database needs more memory than it was given; a class of its own because it can be given
    more."""


class Damaged(MachineError):
    """A run's database is gone or damaged; a class of its own because `seal-tui recover` helps."""


class Fault(SealError):
    """A defect of this program."""

    kind = Kind.FAULT


_CLASSES: dict[str, type[SealError]] = {
    kind_class.kind: kind_class
    for kind_class in (BadInput, NotFound, NotReady, Busy, Conflict, MachineError, Fault)
}


class Interrupted(Exception):
    """A reading statement was stopped before its end: nobody waits for its answer any more."""


def of_kind(kind: str, message: str) -> SealError:
    """The error of a kind, for one that came from another process."""
    return _CLASSES.get(kind, Fault)(message)


def unreadable(name: object, error: Exception) -> BadInput:
    """A file that cannot be read, whatever a parser raised about it."""
    reason = getattr(error, "strerror", None) or "it is damaged, or another kind of file"
    return BadInput(f"{name} cannot be read: {reason}")


def expected(error: Exception) -> SealError | None:
    """An exception as one of the family: itself, or what the operating system refuses."""
    if isinstance(error, SealError):
        return error
    if isinstance(error, OSError) and (reason := error.strerror):
        wrong = error.errno in _WRONG_PATH
        message = f"{error.filename}: {reason}" if error.filename else reason
        return BadInput(message) if wrong else MachineError(message)
    if isinstance(error, MemoryError):
        return MachineError("out of memory: close other programs, or use a larger machine")
    return None


def explain(error: Exception, log: object = "engine.log") -> SealError:
    """Any exception as one of the family. Of one that nobody expected the traceback goes to
    stderr, which is `log`; the message names only its type, since the rest may quote data."""
    if (known := expected(error)) is not None:
        return known
    traceback.print_exception(error, file=sys.stderr)
    return unexpected(error, log)


def unexpected(error: BaseException, log: object) -> Fault:
    return Fault(f"internal error ({type(error).__name__}); details in {log}")


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it, the last first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
