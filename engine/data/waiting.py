"""Rows that wait for others of their group: in a file, if they are more than a little."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from engine.data.pairs import SourceRow

IN_MEMORY = 64 << 20

Waits = tuple[SourceRow, Mapping[str, Any]]
Place = int


class Waiting:
    """Rows by their place. The file has no name, so that nobody else writes to it and nothing is
    left of it when this process ends."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        self._end = 0

    def add(self, row: Waits) -> Place:
        place = self._end
        if self._file.tell() != place:  # to seek is to write what is buffered
            self._file.seek(place)
        pickle.dump((*row[0], row[1]), self._file, pickle.HIGHEST_PROTOCOL)
        self._end = self._file.tell()
        return place

    def rows(self, places: Sequence[Place]) -> list[Waits]:
        found = []
        for place in places:
            self._file.seek(place)
            *source, value = pickle.load(self._file)  # this process wrote it
            found.append((SourceRow(*source), value))
        return found

    def clear(self) -> None:
        """Forget all rows; their room is used again."""
        self._end = 0

    def close(self) -> None:
        self._file.close()
