"""One side of a pair per row, as the data released with SEAL has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from engine.data.layouts.base import Change, Draft, Layout, Row, text_field
from engine.data.layouts.parts import whole
from engine.data.pairs import RowError

SIDES = ("chosen", "rejected")


class Sides(Layout):
    name = "sides"
    title = "one side per row: id, preference (chosen or rejected), text (SEAL)"
    text: ClassVar[frozenset[str]] = frozenset(("text",))
    known: ClassVar[frozenset[str]] = frozenset(("preference",))
    grouped = True
    complete = 2

    @classmethod
    def matches(cls, row: Row) -> bool:
        return "preference" in row and "text" in row and not all(side in row for side in SIDES)

    def key(self, row: Row) -> str:
        side = row["preference"]
        if side not in SIDES:
            raise RowError(
                "wrong_type", f"preference is {str(side)[:40]!r}, not chosen or rejected"
            )
        if (key := self.id(row)) is None:
            raise RowError("missing_field", "no row_id or id: the sides of a pair are joined by it")
        return key

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        texts = {row["preference"]: row["text"] for row in rows}
        if len(rows) != 2 or len(texts) != 2:
            key, side = text_field(rows[0], ("row_id", "id")) or "", rows[-1]["preference"]
            raise RowError(
                "missing_field", f"pair {key[:40]} has only the {side} side, or has it twice"
            )
        chosen, rejected = (whole(texts[side], side) for side in SIDES)
        return [Draft(chosen, rejected)]

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        match changes[0].action if changes else "keep":
            case "omit" | "tie":
                return [None for _ in rows]
            case "flip":
                other = {"chosen": "rejected", "rejected": "chosen"}
                return [{**row, "preference": other[row["preference"]]} for row in rows]
            case _:
                return list(rows)
