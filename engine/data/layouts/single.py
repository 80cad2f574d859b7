"""Rows that are one pair each, in a layout that has no word for a tie."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from engine.data.layouts.base import Change, Draft, Layout, Row


class Single(Layout):
    """A row is one pair. A tie cannot be written: the row is left out."""

    @abstractmethod
    def pair(self, row: Row) -> Draft:
        """The pair of a row. Raises RowError."""

    @abstractmethod
    def flipped(self, row: Row) -> Row:
        """The row that prefers the other side, and whatever belongs to one side with it."""

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        [row] = rows
        return [self.pair(row)]

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        [row] = rows
        match changes[0].action if changes else "keep":
            case "omit" | "tie":
                return [None]
            case "flip":
                return [self.flipped(row)]
            case _:
                return [row]
