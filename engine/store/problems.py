"""What DuckDB says went wrong, as one line for people; what is damage, and what is not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from engine import __version__
from engine.errors import Damaged, MachineError, MemoryFull
from engine.store.migrations import CURRENT, OLDEST
from engine.visible import shell_word

# Errors caused by the machine; any other is a bug in this program.
_MACHINE = (
    duckdb.IOException,
    duckdb.TransactionException,
    duckdb.OutOfMemoryException,
    duckdb.FatalException,
)
# A failed checksum is a plain duckdb.Error; what is read wrongly fails in any of the others.
_DAMAGE = (duckdb.InternalException, duckdb.SerializationException)
_DAMAGE_SAID = re.compile(r"(?i)corrupt|checksum|not a valid duckdb|replaying wal|could not read")
# The system's refusals, which a damaged file has nothing to do with.
_REFUSED = re.compile(r"(?i)permission denied|no space left|read-only file|too large|too many open")

# Memory, and not the disk, is full.
_MEMORY_SAID = re.compile(r"(?i)out of memory|(pin|allocate) (block|data)")
_LESS = (
    "DuckDB may have half of this machine's memory, so store fewer pairs (`data.limit`), or use a "
    "larger machine"
)


def log_of(path: Path) -> Path:
    """DuckDB's write-ahead log of a database."""
    return path.with_name(f"{path.name}.wal")


def advice(path: Path) -> str:
    """What to do about a database that is gone or damaged."""
    folder = shell_word(path.parent)
    return f"`seal-tui recover {folder}` brings the decisions back, and a run the results"


def is_damage(error: BaseException) -> bool:
    said = str(error)
    if not isinstance(error, duckdb.Error) or _REFUSED.search(said):
        return False
    return (
        type(error) is duckdb.Error
        or isinstance(error, _DAMAGE)
        or _DAMAGE_SAID.search(said) is not None
    )


def damaged(path: Path) -> Damaged:
    return Damaged(f"{path} is damaged: {advice(path)}")


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Raises Damaged if the block fails because the database is damaged."""
    try:
        yield
    except duckdb.Error as error:
        if is_damage(error):
            raise damaged(path) from None
        if isinstance(error, duckdb.FatalException):  # DuckDB lets nobody read after such a write
            raise MachineError(
                f"{path} could not be written earlier: `seal-tui stop "
                f"{shell_word(path.parent)}`, then open it again"
            ) from None
        raise


def check_there(path: Path) -> None:
    """Raises Damaged if there is no database, of a folder that had one."""
    try:
        size = os.stat(path).st_size
    except FileNotFoundError:
        raise Damaged(f"{path} is missing: put it back, or {advice(path)}") from None
    if not size:
        raise Damaged(f"{path} is empty: put it back, or {advice(path)}")


def opening(path: Path, error: duckdb.Error) -> MachineError:
    said = str(error)
    if "Could not set lock" in said or "already open" in said:
        holder = re.search(r"PID (\d+)", said)
        who = f"process {holder[1]}" if holder else "another process"
        return MachineError(
            f"{path} is in use by {who}; use `seal-tui open`, or stop that process first"
        )
    if is_damage(error):
        return damaged(path)
    reason = refused[0].lower() if (refused := _REFUSED.search(said)) else _first_line(said)
    return MachineError(f"{path} cannot be opened: {reason}")


def writing(path: Path, error: BaseException) -> MachineError | None:
    """The error of a transaction that failed; None if the machine is not to blame."""
    said = str(error)
    if is_damage(error):
        return damaged(path)
    if isinstance(error, _MACHINE):
        kind, remedy = MachineError, "free some space and run again"
        if isinstance(error, duckdb.OutOfMemoryException):
            kind, remedy = MemoryFull, _LESS
        elif _MEMORY_SAID.search(said):  # a commit: rows of it stay in the indexes until the end
            remedy = f"`seal-tui stop {shell_word(path.parent)}`; {_LESS}"
        return kind(
            f"{path} cannot be written: {_first_line(said)}; everything committed earlier is kept: "
            f"{remedy}"
        )
    return None


def schema(path: Path, number: int, program: str) -> MachineError:
    if number > CURRENT:
        writer = f"seal-tui {program}" if program else "a newer seal-tui"
        return MachineError(
            f"{path} was written by {writer} (schema {number}), this is seal-tui {__version__} "
            f"(schema {CURRENT}): update seal-tui to open it; nothing was changed"
        )
    problem = f"has schema {number}, which" if number else "is not a database that"
    verb = "cannot read" if number else "can read"
    kind = MachineError if number else Damaged
    return kind(f"{path} {problem} seal-tui {__version__} {verb} (schemas {OLDEST} to {CURRENT})")


def _first_line(said: str) -> str:
    return said.strip().splitlines()[0]
