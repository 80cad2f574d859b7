"""The base of layouts with two responses, A and B, and a column that says which one is better."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

from engine.data.conversation import Conversation
from engine.data.layouts.base import Change, Draft, Layout, Row
from engine.data.layouts.parts import check_media
from engine.data.pairs import Facts, RowError

Side = Literal["a", "b"]


class Compared(Layout):
    """Two responses per row. Subclasses say where they are, and which one is preferred."""

    @abstractmethod
    def conversations(self, row: Row) -> tuple[Conversation, Conversation]:
        """Those that end in response A and in response B."""

    @abstractmethod
    def preferred(self, row: Row) -> Side:
        """The better response. Raises RowError for a tie, or if the row does not say."""

    @abstractmethod
    def facts(self, row: Row, preferred: Side) -> Facts:
        """What the row says beside the texts, seen from the preferred response."""

    @abstractmethod
    def flipped(self, row: Row) -> Row:
        """The row with the other response preferred."""

    @abstractmethod
    def tied(self, row: Row) -> Row | None:
        """The row with neither preferred; None if the layout cannot say so."""

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        [row] = rows
        check_media(row, self.options)
        preferred = self.preferred(row)
        chosen, rejected = self.conversations(row)
        if preferred == "b":
            chosen, rejected = rejected, chosen
        return [Draft(chosen, rejected, self.facts(row, preferred))]

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        [row] = rows
        match changes[0].action if changes else "keep":
            case "omit":
                return [None]
            case "flip":
                return [self.flipped(row)]
            case "tie":
                return [self.tied(row)]
            case _:
                return [row]


def of_sign(score: float, what: str) -> Side:
    """A score that is positive where A is better. Raises RowError at 0."""
    if score == 0:
        raise RowError("tie", f"{what} is 0")
    return "a" if score > 0 else "b"
