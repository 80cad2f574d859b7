"""Counts what is read, for those who watch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

# Called with the number of rows since the last call; it raises to stop the reading.
Watch = Callable[[int], None]
EVERY = 1_000


def unwatched(rows: int) -> None:
    pass


def watched(rows: Iterable[T], watch: Watch) -> Iterator[T]:
    """The rows, counted."""
    for number, row in enumerate(rows, 1):
        if number % EVERY == 0:
            watch(EVERY)
        yield row
