"""Single conversations with a label, as TRL's KTO trainer reads them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from engine.data.conversation import Conversation
from engine.data.reviewed import ReviewedPair
from engine.export.decisions import Counts
from engine.export.formats.base import HEAD, NO_PROMPT, PairFormat, Row, Source, head
from engine.export.split import as_rows, labelled, messages
from engine.export.writers import Columns


class _Labelled(PairFormat):
    """Two rows a pair: the chosen side with label true, the rejected one with label false."""

    default_path = "kto.jsonl"
    endings = (".jsonl", ".jsonl.gz", ".parquet")
    as_decided = True
    refuses = "unusual"

    @abstractmethod
    def parts(self, side: Conversation) -> tuple[Any, Any]:
        """(prompt, completion)"""

    def problem(self, chosen: Conversation, rejected: Conversation) -> str | None:
        prompts = [self.parts(side)[0] for side in (chosen, rejected)]
        return None if all(prompts) else NO_PROMPT

    def count(self, counts: Counts, source: Source) -> int:
        return 2 * counts.included

    def rows(self, pair: ReviewedPair) -> list[Row]:
        rows: list[Row] = []
        for side, label in ((pair.chosen, True), (pair.rejected, False)):
            prompt, completion = self.parts(side)
            rows.append(head(pair) | {"prompt": prompt, "completion": completion, "label": label})
        return rows


class Kto(_Labelled):
    name = "kto"
    description = "prompt, completion, label as strings"
    tokens_of = "transcript"
    strings_only = True
    columns: ClassVar[Columns] = {**HEAD, "prompt": "text", "completion": "text", "label": "bool"}

    def parts(self, side: Conversation) -> tuple[str, str]:
        return labelled(side)


class KtoMessages(_Labelled):
    name = "kto-messages"
    description = "the same as lists of messages"
    tokens_of = "messages"
    columns: ClassVar[Columns] = {
        **HEAD,
        "prompt": "messages",
        "completion": "messages",
        "label": "bool",
    }

    def parts(self, side: Conversation) -> tuple[Any, Any]:
        prompt, completion, _ = messages(side, side)
        return as_rows(prompt), as_rows(completion)
