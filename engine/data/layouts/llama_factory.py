"""LLaMA-Factory's two forms of ranked data: `alpaca` and `sharegpt`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from engine.data.cells import cell, recelled
from engine.data.conversation import Conversation, Message
from engine.data.layouts.base import Row
from engine.data.layouts.parts import (
    SYSTEMS,
    alike,
    asked,
    conversation,
    filled,
    joined,
    read_tools,
    said,
    system_messages,
    to_messages,
)
from engine.data.layouts.preference import PROMPTS, SIDES, Preference
from engine.data.pairs import RowError

_OTHER_PROMPTS = frozenset(PROMPTS) - {"instruction", "input"}
_CONVERSATIONS = ("conversations", "messages", "conversation", "trajectory")


class Alpaca(Preference):
    name = "alpaca"
    title = "instruction, input, optional history and system, chosen, rejected (LLaMA-Factory)"
    text: ClassVar[frozenset[str]] = frozenset(
        (*SIDES, *SYSTEMS, "instruction", "input", "history", "tools")
    )

    @classmethod
    def matches(cls, row: Row) -> bool:
        more = "input" in row or "history" in row
        others = any(row.get(name) is not None for name in _OTHER_PROMPTS)
        return all(side in row for side in SIDES) and "instruction" in row and more and not others

    def prompt(self, row: Row) -> tuple[Message, ...]:
        """Instruction and input are one question, joined by a line break."""
        ignored = self.options.ignore
        names = [n for n in ("instruction", "input") if n not in ignored and filled(row.get(n))]
        question = "\n".join(said(row[name], "user", name).content for name in names)
        now = (Message("user", question),) if question else ()
        earlier = () if "history" in ignored else _history(row.get("history"))
        return joined(system_messages(row, self.options), (*earlier, *now), "the prompt")

    def _prompts(self, row: Row) -> list[str]:
        return []  # none stands in for another


class ShareGpt(Preference):
    name = "sharegpt"
    title = "conversations or messages, then chosen and rejected: a message each (LLaMA-Factory)"
    text: ClassVar[frozenset[str]] = frozenset((*SIDES, *SYSTEMS, *_CONVERSATIONS, "tools"))

    @classmethod
    def matches(cls, row: Row) -> bool:
        columns = [name for name in _CONVERSATIONS if row.get(name) is not None]
        others = any(row.get(name) is not None for name in PROMPTS)
        return all(side in row for side in SIDES) and len(columns) == 1 and not others

    def sides(self, row: Row) -> tuple[Conversation, Conversation]:
        tools, ignore = read_tools(row, self.options), self.options.ignore
        [name] = [name for name in _CONVERSATIONS if row.get(name) is not None]
        if name in ignore:
            return super().sides(row)
        system = system_messages(row, self.options)
        before = asked(row[name], name, ignore)
        values = [(side, self.side(row, side)) for side in SIDES]
        if _is_answered(before):
            # Some datasets repeat the whole chosen conversation here.
            if not alike(before, to_messages(values[0][1], "assistant", "chosen", ignore)):
                raise RowError(
                    "contradiction",
                    f"{name} ends with an answer, and is not the whole chosen conversation",
                )
            before = ()
        prompt = joined(system, before, name)
        chosen, rejected = (conversation(prompt, v, side, tools, ignore) for side, v in values)
        return chosen, rejected

    def flipped(self, row: Row) -> Row:
        """With the other side as the conversation, too, where that repeats the chosen one."""
        new = super().flipped(row)
        [name] = [name for name in _CONVERSATIONS if row.get(name) is not None]
        ignore = self.options.ignore
        if name not in ignore and _is_answered(asked(row[name], name, ignore)):
            return {**new, name: recelled(row[name], cell(new["chosen"]))}
        return new

    def _prompts(self, row: Row) -> list[str]:
        return []


def _is_answered(messages: Sequence[Message]) -> bool:
    return (
        bool(messages) and messages[-1].role == "assistant" and bool(messages[-1].content.strip())
    )


def _history(value: Any) -> tuple[Message, ...]:
    """Earlier exchanges, a list of [user, assistant]."""
    exchanges = cell(value)
    if not filled(exchanges):
        return ()
    if not isinstance(exchanges, list):
        raise RowError("wrong_type", "history is no list of [user, assistant]")
    messages: list[Message] = []
    for exchange in exchanges:
        if not isinstance(exchange, (list, tuple)) or len(exchange) != 2:
            raise RowError("wrong_type", "history is no list of [user, assistant]")
        one, other = exchange
        messages += [said(one, "user", "history"), said(other, "assistant", "history")]
    return tuple(messages)
