"""Ranked rows as LLaMA-Factory reads them in its `sharegpt` form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from engine.data.conversation import Conversation, Message, shared_messages, tool_calls
from engine.data.reviewed import ReviewedPair
from engine.export.formats.base import HEAD, PairFormat, Row, head
from engine.export.writers import Columns

_ASKS = ("human", "observation")
_ANSWERS = ("gpt", "function_call")


class LlamaFactory(PairFormat):
    name = "llama-factory"
    description = "conversations, chosen, rejected"
    default_path = "ranking.jsonl"
    endings = (".jsonl", ".parquet")
    as_decided = True
    tokens_of = "messages"
    refuses = "any"
    columns: ClassVar[Columns] = {
        **HEAD,
        "conversations": "turns",
        "chosen": "turn",
        "rejected": "turn",
        "tools": "text",
    }

    def problem(self, chosen: Conversation, rejected: Conversation) -> str | None:
        """It leaves out every row whose turns do not alternate, so they are left out here."""
        if _parts(chosen, rejected) is None:
            return "that LLaMA-Factory rows cannot hold (left out)"
        return None

    def rows(self, pair: ReviewedPair) -> list[Row]:
        parts = _parts(pair.chosen, pair.rejected)
        assert parts is not None, "pairs with a problem are left out"
        row: dict[str, Any] = head(pair) | parts._asdict()
        if tools := pair.chosen.tools or pair.rejected.tools:
            row["tools"] = tools
        return [row]


class _Parts(NamedTuple):
    conversations: list[dict[str, str]]
    chosen: dict[str, str]
    rejected: dict[str, str]


def _parts(chosen: Conversation, rejected: Conversation) -> _Parts | None:
    """The parts of a row: what both sides begin with, and an answer each; None if they do not
    alternate, or have more than these rows can hold."""
    left, right = chosen.messages, rejected.messages
    shared = shared_messages(left, right)
    if not shared == len(left) - 1 == len(right) - 1:
        return None
    turns = _turns(left)
    answer = _turns(right[-1:])
    if turns is None or answer is None or answer[0]["from"] not in _ANSWERS:
        return None
    *before, last = turns
    said = before[1:] if before and before[0]["from"] == "system" else before
    alternate = all(
        turn["from"] in (_ANSWERS if at % 2 else _ASKS) for at, turn in enumerate([*said, last])
    )
    return _Parts(before, last, answer[0]) if alternate and said and len(said) % 2 else None


def _turns(messages: Sequence[Message]) -> list[dict[str, str]] | None:
    turns = [_turn(message) for message in messages]
    return None if None in turns else turns  # type: ignore[return-value]


def _turn(message: Message) -> dict[str, str] | None:
    """A message in ShareGPT's words, or None if they cannot hold it."""
    if message.thinking or message.name or message.call_id:
        return None
    if message.tool_calls:
        calls = tool_calls(message)
        plain = all(isinstance(call, dict) and set(call) == {"name", "arguments"} for call in calls)
        if message.content or not plain:
            return None
        value = json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)
        return {"from": "function_call", "value": value}
    names = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
    name = names.get(message.role)
    return None if name is None else {"from": name, "value": message.content}
