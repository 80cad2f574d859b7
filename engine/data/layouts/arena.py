"""Battles of two models: LMArena, Chatbot Arena, MT-Bench, and their older flat form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from engine.data.cells import decoded
from engine.data.conversation import Conversation, Message
from engine.data.layouts.base import Row, number, text_field
from engine.data.layouts.compared import Compared, Side
from engine.data.layouts.labels import read_label
from engine.data.messages import read_messages
from engine.data.pairs import Facts, RowError, Vote
from engine.data.values import described

_WINNERS: Mapping[str, Side] = {"model_a": "a", "model_b": "b"}
_OTHER = {"model_a": "model_b", "model_b": "model_a"}
_BOTH_BAD = ("both_bad", "tie (bothbad)", "bothbad")


class Arena(Compared):
    name = "arena"
    title = "conversation_a, conversation_b, winner (LMArena, Chatbot Arena, MT-Bench)"
    text: ClassVar[frozenset[str]] = frozenset(("conversation_a", "conversation_b"))
    # The whole session, with the votes before this one.
    known: ClassVar[frozenset[str]] = frozenset(("winner", "full_conversation"))

    @classmethod
    def matches(cls, row: Row) -> bool:
        return {"conversation_a", "conversation_b", "winner"} <= row.keys()

    def group(self, row: Row) -> str | None:
        return super().group(row) or text_field(row, ("evaluation_session_id",))

    def conversations(self, row: Row) -> tuple[Conversation, Conversation]:
        one, other = (
            self._conversation(row, name) for name in ("conversation_a", "conversation_b")
        )
        return one, other

    def _conversation(self, row: Row, name: str) -> Conversation:
        value = row[name]
        if isinstance(value, str):
            value = decoded(value, name)
        if not isinstance(value, list):
            raise RowError("wrong_type", f"{name} is {described(value)}, not messages")
        messages = read_messages(value, name, self.options.ignore)
        turns = number(row.get("turn"))  # MT-Bench has two turns, and a vote after each of them
        asked = [at for at, message in enumerate(messages) if message.role == "user"]
        if not asked:
            raise RowError("missing_field", f"{name} has no user turn")
        if turns is not None and 1 <= turns < len(asked):
            messages = messages[: asked[int(turns)]]
        return Conversation.of(messages)

    def preferred(self, row: Row) -> Side:
        return winner(row["winner"])

    def facts(self, row: Row, preferred: Side) -> Facts:
        judge = row.get("judge")
        votes = (Vote(judge, 1),) if isinstance(judge, str) and judge else ()
        return with_models(row, preferred, votes)

    def flipped(self, row: Row) -> Row:
        return {**row, "winner": _OTHER[row["winner"].strip().lower()]}

    def tied(self, row: Row) -> Row:
        return {**row, "winner": "tie"}


class ArenaFlat(Compared):
    name = "arena-flat"
    title = "prompt, response_a, response_b, winner_model_a, winner_model_b, winner_tie (55k)"
    text: ClassVar[frozenset[str]] = frozenset(("prompt", "response_a", "response_b"))
    winners = ("winner_model_a", "winner_model_b", "winner_tie")

    @classmethod
    def matches(cls, row: Row) -> bool:
        return {*cls.text, *cls.winners} <= row.keys()

    def conversations(self, row: Row) -> tuple[Conversation, Conversation]:
        asked = _turns(row, "prompt")
        one, other = (_alternating(asked, row, name) for name in ("response_a", "response_b"))
        return one, other

    def preferred(self, row: Row) -> Side:
        values = [read_label(row[name], name) for name in self.winners]
        if sum(values) != 1:
            raise RowError("wrong_type", f"not one of {', '.join(self.winners)} is 1")
        if values[2]:
            raise RowError("tie", "winner_tie is 1")
        return "a" if values[0] else "b"

    def facts(self, row: Row, preferred: Side) -> Facts:
        return with_models(row, preferred)

    def flipped(self, row: Row) -> Row:
        one, other, _ = self.winners
        return {**row, one: row[other], other: row[one]}

    def tied(self, row: Row) -> Row:
        one, other, tie = self.winners
        first = read_label(row[one], one)
        won, lost = (row[one], row[other]) if first else (row[other], row[one])
        return {**row, one: lost, other: lost, tie: won}


def winner(value: object) -> Side:
    """The side that won a battle. Raises RowError."""
    name = str(value).strip().lower()
    if name in _WINNERS:
        return _WINNERS[name]
    if name in _BOTH_BAD:
        raise RowError("both_bad", f"winner is {name}")
    if name == "tie":
        raise RowError("tie", "winner is tie")
    raise RowError("wrong_type", f"winner is {name[:40]!r}: expected model_a, model_b or tie")


def with_models(row: Row, preferred: Side, votes: tuple[Vote, ...] = ()) -> Facts:
    """The model names of the two sides, and these votes."""
    names = [text_field(row, (name,)) for name in ("model_a", "model_b")]
    chosen, rejected = names if preferred == "a" else reversed(names)
    return Facts(votes=votes, model_chosen=chosen, model_rejected=rejected)


def _turns(row: Row, name: str) -> list[str]:
    """The texts of a column: a list, or one as JSON in a text. Raises RowError."""
    value: Any = row[name]
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = orjson.loads(value)
        except ValueError as error:
            raise RowError("wrong_type", f"{name} is not a JSON list: {error}") from None
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise RowError("wrong_type", f"{name} is {described(value)}, not a list of texts")
    texts = ["" if text is None else text for text in value]
    if not all(isinstance(text, str) for text in texts):
        raise RowError("wrong_type", f"{name} has an item that is no text")
    return texts


def _alternating(asked: list[str], row: Row, name: str) -> Conversation:
    answers = _turns(row, name)
    if len(answers) != len(asked):
        raise RowError("wrong_type", f"{name} has {len(answers)} texts for {len(asked)} prompts")
    messages = []
    for question, answer in zip(asked, answers, strict=True):
        messages += [Message("user", question.strip()), Message("assistant", answer.strip())]
    return Conversation.of(messages)
