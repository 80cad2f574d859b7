"""HelpSteer3 preferences, HelpSteer2 preferences, and HelpSteer and HelpSteer2 ratings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any, ClassVar

from engine.data.cells import cell
from engine.data.conversation import Conversation, Message
from engine.data.layouts.base import Row, minus, number
from engine.data.layouts.candidates import Candidate, Gathered
from engine.data.layouts.compared import Compared, Side, of_sign
from engine.data.layouts.parts import filled, replied, to_messages
from engine.data.pairs import Facts, RowError, Vote
from engine.data.values import described

# How HelpSteer2 writes earlier turns into its prompt.
_TURN = re.compile(r"\s*<extra_id_1>(User|Assistant)(?:\n|\Z)")


class _Strength(Compared):
    """A strength from -3 to 3, negative where the first response is better."""

    prompt_column: ClassVar[str]
    sides: ClassVar[tuple[str, str]]
    strength: ClassVar[str]
    votes: ClassVar[tuple[str, ...]]  # columns with a list of votes; the first filled one counts
    vote: ClassVar[str]  # the field of a vote that is its strength

    @classmethod
    def matches(cls, row: Row) -> bool:
        return {cls.prompt_column, *cls.sides, cls.strength} <= row.keys()

    def conversations(self, row: Row) -> tuple[Conversation, Conversation]:
        prompt, ignore = self.prompt(row[self.prompt_column]), self.options.ignore
        one, other = (replied(prompt, row[side], side, ignore) for side in self.sides)
        return one, other

    def prompt(self, value: object) -> tuple[Message, ...]:
        return to_messages(value, "user", self.prompt_column, self.options.ignore)

    def preferred(self, row: Row) -> Side:
        strength = number(row[self.strength])
        if strength is None:
            raise RowError(
                "missing_field", f"{self.strength} is {str(row[self.strength])[:40]!r}, no number"
            )
        return of_sign(-strength, self.strength)

    def facts(self, row: Row, preferred: Side) -> Facts:
        sign = -1 if preferred == "a" else 1
        votes = tuple(
            Vote(str(place), sign * strength)
            for place, strength in enumerate(self._strengths(row), 1)
            if strength is not None
        )
        return Facts(abs(float(row[self.strength])), votes)

    def _strengths(self, row: Row) -> Iterator[float | None]:
        votes: Any = cell(next((row[name] for name in self.votes if filled(row.get(name))), []))
        for vote in votes if isinstance(votes, list) else []:
            yield number(vote.get(self.vote)) if isinstance(vote, Mapping) else None

    def flipped(self, row: Row) -> Row:
        value = row[self.strength]
        return {**row, self.strength: -value if isinstance(value, (int, float)) else minus(value)}

    def tied(self, row: Row) -> Row:
        return {**row, self.strength: type(row[self.strength])(0)}


class HelpSteer3(_Strength):
    name = "helpsteer3"
    title = "context, response1, response2, overall_preference (HelpSteer3)"
    text: ClassVar[frozenset[str]] = frozenset(("context", "response1", "response2"))
    known: ClassVar[frozenset[str]] = frozenset(("overall_preference", "individual_preference"))
    prompt_column = "context"
    sides = ("response1", "response2")
    strength = "overall_preference"
    votes = ("individual_preference",)
    vote = "score"


class HelpSteer2(_Strength):
    name = "helpsteer2"
    title = "prompt, response_1, response_2, preference_strength (HelpSteer2-Preference)"
    text: ClassVar[frozenset[str]] = frozenset(("prompt", "response_1", "response_2"))
    votes: ClassVar[tuple[str, ...]] = (
        "all_preferences_unprocessed",
        "three_most_similar_preferences",
    )
    known: ClassVar[frozenset[str]] = frozenset(
        ("preference_strength", "preference_statement", "preference_elaboration", *votes)
    )
    prompt_column = "prompt"
    sides = ("response_1", "response_2")
    strength = "preference_strength"
    vote = "strength"

    def prompt(self, value: object) -> tuple[Message, ...]:
        return turns(value)


class HelpSteer2Ratings(Gathered):
    name = "helpsteer2-ratings"
    title = "prompt, response, helpfulness and other ratings, a row per response (HelpSteer2)"
    text: ClassVar[frozenset[str]] = frozenset(("prompt", "response"))
    score_column = "helpfulness"

    @classmethod
    def matches(cls, row: Row) -> bool:
        return {"prompt", "response", "helpfulness", "correctness"} <= row.keys()

    def key(self, row: Row) -> str:
        if not isinstance(row["prompt"], str):
            raise RowError("wrong_type", f"prompt is no text, but {described(row['prompt'])}")
        return row["prompt"]

    def prompt(self, row: Row) -> tuple[Message, ...]:
        return turns(row["prompt"])

    def candidate(self, row: Row) -> Candidate:
        return Candidate(row["response"], _mean(row["helpfulness"]))


def turns(prompt: object) -> tuple[Message, ...]:
    """The messages of a prompt whose earlier turns are marked as in HelpSteer2."""
    if not isinstance(prompt, str):
        raise RowError("wrong_type", f"prompt is no text, but {described(prompt)}")
    first, *rest = _TURN.split(prompt)
    messages = [Message("user", first.strip())]
    for speaker, text in zip(rest[::2], rest[1::2], strict=True):
        messages.append(Message("user" if speaker == "User" else "assistant", text.strip()))
    return tuple(messages)


def _mean(value: Any) -> float | None:
    """A rating, or the mean of those of several annotators."""
    value = cell(value)
    if not isinstance(value, list):
        return number(value)
    ratings = [rating for rating in map(number, value) if rating is not None]
    return fmean(ratings) if ratings else None
