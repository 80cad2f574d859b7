"""Preference rows as ms-swift reads them: `messages` is the chosen side."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.data.conversation import Conversation, Message
from engine.data.reviewed import ReviewedPair
from engine.data.transcript import is_transcript
from engine.export.formats.base import HEAD, PairFormat, Row, head
from engine.export.split import as_rows, messages
from engine.export.writers import Columns

_ROLES = ("system", "user", "assistant")


class MsSwift(PairFormat):
    name = "ms-swift"
    description = "messages, rejected_response"
    default_path = "swift.jsonl"
    endings = (".jsonl", ".parquet")
    as_decided = True
    takes = frozenset(("margin", "soft_labels"))
    tokens_of = "messages"
    refuses = "any"
    columns: ClassVar[Columns] = {
        **HEAD,
        "messages": "messages",
        "rejected_response": "text",
        "rejected_messages": "messages",
    }

    def problem(self, chosen: Conversation, rejected: Conversation) -> str | None:
        """Its messages have a role and a text; tools go with one answer to one prompt."""
        if chosen.is_transcript and rejected.is_transcript:
            return None
        sides = [*chosen.messages, *rejected.messages]
        holds = all(message.is_plain and message.role in _ROLES for message in sides)
        if chosen.tools or rejected.tools:
            holds = holds and _response(chosen, rejected) is not None
        return None if holds else "that ms-swift rows cannot hold (left out)"

    def rows(self, pair: ReviewedPair) -> list[Row]:
        row: dict[str, Any] = head(pair) | {"messages": as_rows(pair.chosen.messages)}
        response = _response(pair.chosen, pair.rejected)
        if response is not None:
            return [row | {"rejected_response": response.content}]
        return [row | {"rejected_messages": as_rows(pair.rejected.messages)}]


def _response(chosen: Conversation, rejected: Conversation) -> Message | None:
    """The rejected answer, if the sides differ only in the answer to the last user turn."""
    prompt, one, other = messages(chosen, rejected)
    if not (len(one) == len(other) == 1 and prompt and prompt[-1].role == "user"):
        return None
    return None if is_transcript(other[0].content) else other[0]
