"""Preference rows with an explicit prompt, as TRL's trainers read them: strings or messages."""

from __future__ import annotations

from typing import ClassVar

from engine.data.reviewed import ReviewedPair
from engine.export.formats.base import HEAD, PairFormat, Row, head
from engine.export.split import messages, strings
from engine.export.writers import Columns


class Trl(PairFormat):
    name = "trl"
    description = "prompt, chosen, rejected as strings; .parquet works too"
    default_path = "pairs.jsonl"
    endings = (".jsonl", ".jsonl.gz", ".parquet")
    default_for = endings
    as_decided = True
    columns: ClassVar[Columns] = {**HEAD, "prompt": "text", "chosen": "text", "rejected": "text"}

    def rows(self, pair: ReviewedPair) -> list[Row]:
        return [head(pair) | strings(pair.chosen, pair.rejected)._asdict()]


class TrlMessages(PairFormat):
    name = "trl-messages"
    description = "the same as lists of messages"
    default_path = "pairs.jsonl"
    endings = Trl.endings
    as_decided = True
    columns: ClassVar[Columns] = {
        **HEAD,
        "prompt": "messages",
        "chosen": "messages",
        "rejected": "messages",
    }

    def rows(self, pair: ReviewedPair) -> list[Row]:
        prompt, chosen, rejected = messages(pair.chosen, pair.rejected)
        return [head(pair) | {"prompt": prompt, "chosen": chosen, "rejected": rejected}]
