"""Rollouts of a policy in training: one scored response per row, compared by prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import orjson

from engine.data.cells import cell, decoded
from engine.data.conversation import Message
from engine.data.layouts.base import Row, number, text_field
from engine.data.layouts.candidates import Candidate, Gathered
from engine.data.layouts.parts import read_tools, to_messages
from engine.data.pairs import RowError
from engine.data.values import described
from engine.wire.messages import Role

# A chat template whose marks were left out: every role is a line of its own.
_ROLE_LINE = re.compile(r"^(system|user|assistant)\n", re.MULTILINE)
_ROLES: Mapping[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
# The end of such a prompt, also where the mark was all that stood between a text and the role.
_ENDS = re.compile(r"(system|user|assistant|model)[ \t]*\n\s*\Z")


class Verl(Gathered):
    name = "verl"
    title = "input, output, score, step: a rollout per row (verl)"
    text: ClassVar[frozenset[str]] = frozenset(("input", "output"))
    known: ClassVar[frozenset[str]] = frozenset(("gts",))
    score_column = "score"

    @classmethod
    def matches(cls, row: Row) -> bool:
        return {"input", "output", "score"} <= row.keys()

    def key(self, row: Row) -> str:
        if not isinstance(row["input"], str):
            raise RowError("wrong_type", f"input is no text, but {described(row['input'])}")
        return row["input"]

    def prompt(self, row: Row) -> tuple[Message, ...]:
        return unmarked(row["input"]) or to_messages(row["input"], "user", "input")

    def candidate(self, row: Row) -> Candidate:
        return Candidate(row["output"], number(row["score"]))


class Rollouts(Gathered):
    name = "rollouts"
    title = "prompt, completion, reward: a rollout per row (verifiers, prime-rl)"
    text: ClassVar[frozenset[str]] = frozenset(("prompt", "completion", "tool_defs"))
    known: ClassVar[frozenset[str]] = frozenset(
        ("answer", "info", "task", "error", "error_chain", "long_error_chain")
    )
    score_column = "reward"

    @classmethod
    def matches(cls, row: Row) -> bool:
        return {"prompt", "completion", "reward"} <= row.keys() and "label" not in row

    def key(self, row: Row) -> str:
        asked = [cell(row["prompt"]), self.tools(row)]
        return orjson.dumps(asked, option=orjson.OPT_SORT_KEYS).decode()

    def prompt(self, row: Row) -> tuple[Message, ...]:
        return to_messages(row["prompt"], "user", "prompt", self.options.ignore)

    def tools(self, row: Row) -> str:
        return read_tools(row, self.options, "tool_defs")

    def candidate(self, row: Row) -> Candidate:
        answer = row["completion"]
        if isinstance(answer, str):
            answer = decoded(answer, "completion")
        return Candidate(answer, number(row["reward"]), text_field(row, ("model",)))


def unmarked(text: str) -> tuple[Message, ...]:
    """The messages of a prompt that a chat template rendered, and that was decoded without the
    template's marks; nothing for any other text.

    Raises RowError if it ends as such a prompt does, but its turns cannot be told apart.
    """
    if not _ENDS.search(text):
        return ()
    first, *rest = _ROLE_LINE.split(text)
    roles = rest[::2]
    talk = roles[1:] if roles[:1] == ["system"] else roles
    turns = ["user", "assistant"] * (len(talk) // 2)
    if first.strip() or not talk or talk != turns or rest[-1].strip():
        raise RowError(
            "rendered", "input ends in a role, as a chat template does, but its turns are not clear"
        )
    return tuple(
        Message(_ROLES[role], content.strip())
        for role, content in zip(roles[:-1], rest[1:-1:2], strict=True)
    )
