"""Preference rows as TRL's trainers read them: strings or messages, with the prompt in a column of
its own ("explicit") or at the start of both sides ("implicit")."""

from __future__ import annotations

from typing import ClassVar

from engine.data.conversation import Conversation
from engine.data.reviewed import ReviewedPair
from engine.export.formats.base import HEAD, NO_PROMPT, PairFormat, Row, head
from engine.export.split import as_rows, messages, strings
from engine.export.writers import Columns, Kind

OPTIONS = frozenset(("margin", "soft_labels"))


def _columns(kind: Kind, *names: str) -> Columns:
    return {**HEAD, **dict.fromkeys(names, kind)}


class Trl(PairFormat):
    name = "trl"
    description = "prompt, chosen, rejected; .parquet works too"
    default_path = "pairs.jsonl"
    endings = (".jsonl", ".jsonl.gz", ".parquet")
    default_for = endings
    as_decided = True
    takes = OPTIONS
    tokens_of = "transcript"
    strings_only = True
    refuses = "unusual"
    columns: ClassVar[Columns] = _columns("text", "prompt", "chosen", "rejected")

    def problem(self, chosen: Conversation, rejected: Conversation) -> str | None:
        """One row with an empty prompt makes the trainers fail for all rows."""
        return None if strings(chosen, rejected).prompt else NO_PROMPT

    def rows(self, pair: ReviewedPair) -> list[Row]:
        return [head(pair) | strings(pair.chosen, pair.rejected)._asdict()]


class TrlMessages(PairFormat):
    name = "trl-messages"
    description = "the same as lists of messages"
    default_path = "pairs.jsonl"
    endings = Trl.endings
    as_decided = True
    takes = OPTIONS
    tokens_of = "messages"
    refuses = "unusual"
    columns: ClassVar[Columns] = _columns("messages", "prompt", "chosen", "rejected")

    def problem(self, chosen: Conversation, rejected: Conversation) -> str | None:
        return None if messages(chosen, rejected).prompt else NO_PROMPT

    def rows(self, pair: ReviewedPair) -> list[Row]:
        parts = messages(pair.chosen, pair.rejected)._asdict()
        return [head(pair) | {name: as_rows(part) for name, part in parts.items()}]


class TrlImplicit(PairFormat):
    name = "trl-implicit"
    description = "chosen and rejected, each a whole transcript"
    default_path = "pairs.jsonl"
    endings = Trl.endings
    as_decided = True
    takes = OPTIONS
    tokens_of = "transcript"
    strings_only = True
    columns: ClassVar[Columns] = _columns("text", "chosen", "rejected")

    def rows(self, pair: ReviewedPair) -> list[Row]:
        return [
            head(pair) | {"chosen": pair.chosen.transcript, "rejected": pair.rejected.transcript}
        ]


class TrlImplicitMessages(PairFormat):
    name = "trl-implicit-messages"
    description = "the same as messages, for RewardTrainer"
    default_path = "pairs.jsonl"
    endings = Trl.endings
    as_decided = True
    takes = OPTIONS
    tokens_of = "messages"
    columns: ClassVar[Columns] = _columns("messages", "chosen", "rejected")

    def rows(self, pair: ReviewedPair) -> list[Row]:
        sides = {"chosen": pair.chosen, "rejected": pair.rejected}
        return [head(pair) | {name: as_rows(side.messages) for name, side in sides.items()}]
