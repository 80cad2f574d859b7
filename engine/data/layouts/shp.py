"""Stanford Human Preferences: a post, and two comments with their votes."""

from __future__ import annotations

from typing import ClassVar

from engine.data.conversation import Conversation
from engine.data.layouts.base import Draft, Layout, Row, number, text_field
from engine.data.layouts.labels import opposite, read_label
from engine.data.layouts.parts import SYSTEMS, question, said, system_messages
from engine.data.layouts.single import Single
from engine.data.pairs import Facts

_SIDES = ("A", "B")


class Shp(Single):
    name = "shp"
    title = "history, human_ref_A, human_ref_B, labels (1 prefers A), scores (SHP)"
    settings = Layout.settings | {"system"}
    text: ClassVar[frozenset[str]] = frozenset(("history", "human_ref_A", "human_ref_B", *SYSTEMS))

    @classmethod
    def matches(cls, row: Row) -> bool:
        return all(name in row for name in ("history", "human_ref_A", "human_ref_B", "labels"))

    def pair(self, row: Row) -> Draft:
        asked = question(row, "history")
        system = system_messages(row, self.options)
        sides = []
        for letter in _SIDES:
            name = f"human_ref_{letter}"
            sides.append(Conversation.of((*system, asked, said(row[name], "assistant", name))))
        one, other = (0, 1) if read_label(row["labels"], "labels") else (1, 0)
        scores = [number(row.get(f"score_{letter}")) for letter in _SIDES]
        facts = Facts(number(row.get("score_ratio")), (), scores[one], scores[other])
        return Draft(sides[one], sides[other], facts, group=text_field(row, ("post_id",)))

    def flipped(self, row: Row) -> Row:
        return {**row, "labels": opposite(row["labels"])}
