"""Two transcripts and nothing else: the rows of hh-rlhf, in which most data of this kind comes."""

from __future__ import annotations

from collections.abc import Sequence

from engine.data.conversation import Conversation
from engine.data.layouts.base import Draft, Row
from engine.data.layouts.preference import Preference
from engine.data.transcript import is_transcript


class HhRlhf(Preference):
    """A special case of `preference` that is read several times as fast: a transcript needs no
    parsing."""

    name = "hh-rlhf"
    title = "chosen and rejected as transcripts (hh-rlhf)"

    @classmethod
    def matches(cls, row: Row) -> bool:
        return len(row) == 2 and all(
            isinstance(row.get(side), str) and is_transcript(row[side])
            for side in ("chosen", "rejected")
        )

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        [row] = rows
        chosen, rejected = row["chosen"], row["rejected"]
        if not (is_transcript(chosen) and is_transcript(rejected)):
            return super().read(rows)  # a row of the same columns that is written otherwise
        return [Draft(Conversation.of_transcript(chosen), Conversation.of_transcript(rejected))]
