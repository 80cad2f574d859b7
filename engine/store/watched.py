"""Notices that another program removed, replaced or cut short the files of an open database.

DuckDB does not: it goes on writing to files that have no name any more.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from engine.errors import Damaged, MachineError
from engine.place import Gone
from engine.store.problems import advice


class _Seen(NamedTuple):
    device: int
    inode: int
    size: int


class Watched:
    """Files that only this process writes to; their state is noted after it wrote."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._seen: dict[Path, _Seen] = {}
        self.note()

    def note(self) -> None:
        """Note the files as they are, unless the first is no longer the one that was noted."""
        if self._gone() is not None:
            return
        self._seen = {path: seen for path in self._paths if (seen := _look(path)) is not None}

    def check(self) -> None:
        """Raises Damaged if a file is not as it was noted."""
        for path, before in self._seen.items():
            now = _look(path)
            if now is None:
                raise _problem(path, "was removed", self._paths[0])
            if now[:2] != before[:2]:
                raise _problem(path, "was replaced", self._paths[0])
            if now.size < before.size:
                raise _problem(path, "was cut short", self._paths[0])

    def check_there(self) -> None:
        """Raises Damaged if the first file, the database, is no longer the one that was noted."""
        if (what := self._gone()) is not None:
            raise _problem(self._paths[0], what, self._paths[0])

    def _gone(self) -> str | None:
        database = self._paths[0]
        now, before = _look(database), self._seen.get(database)
        if before is None or (now is not None and now[:2] == before[:2]):
            return None
        return "was removed" if now is None else "was replaced"


def _look(path: Path) -> _Seen | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return _Seen(found.st_dev, found.st_ino, found.st_size)


def _problem(path: Path, what: str, database: Path) -> MachineError:
    folder = database.parent
    if not folder.is_dir():
        return Gone(
            f"{folder} was moved or deleted while it was in use, so nothing is saved any more"
        )
    return Damaged(
        f"{path} {what} while it was in use, so nothing is saved any more; earlier decisions are "
        f"safe: after `seal-tui stop`, {advice(database)}"
    )
