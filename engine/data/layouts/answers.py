"""Answers of annotators to questions about several responses → a score per response, and votes.

Three kinds of question are read: one that names the best response, one that ranks the responses,
and one that rates a single response.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal, NamedTuple

from engine.data.layouts.base import number
from engine.data.pairs import RowError, Vote

_NOT_GIVEN = ("draft", "discarded", "pending", "missing")
_TIES = ("tie", "tied", "equal", "same", "both", "neither", "none", "nopreference")
_KEY = re.compile(r"(\d+|(?<![a-z])[a-z])(?!.*\d)(?=[^a-z0-9]|$)", re.IGNORECASE)

Scores = tuple[float | None, ...]  # by response; higher is better


class Answer(NamedTuple):
    """An answer; `item` is what the record has for it."""

    value: Any
    user: str | None = None
    status: str | None = None
    item: Any = None

    @property
    def counts(self) -> bool:
        """Whether it is an annotator's final word."""
        return self.value is not None and self.status not in _NOT_GIVEN


@dataclass(frozen=True)
class Judged:
    """What was said about the responses of a record, in answers to these questions. Scores count
    votes for the best one, or are means of ratings, or of ranks with their sign changed."""

    questions: tuple[str, ...]
    scores: Scores
    users: Mapping[str, Scores]
    kind: Literal["best", "rank", "rating"]

    def votes(self, better: int, worse: int) -> tuple[Vote, ...]:
        """The votes between two responses; positive for the first."""
        found = []
        for user, scores in self.users.items():
            one, other = scores[better], scores[worse]
            if one is None or other is None:
                continue
            if self.kind == "best" and one == other and any(scores):
                continue  # the vote went to a third response
            found.append(Vote(user, one - other))
        return tuple(found)


def answered(
    answers: Mapping[str, Sequence[Answer]], names: Sequence[str], question: str | None
) -> Judged:
    """The scores of the responses with these names. `question` is the one that the study names.

    Raises RowError if nobody has answered, or it is not clear which question counts.
    """
    given = {
        name: [answer for answer in of if answer.counts]
        for name, of in answers.items()
        if question in (None, name)
    }
    given = {name: of for name, of in given.items() if of}
    short = question is not None
    best = {name: of for name, of in given.items() if _fits(of, names, short)}
    if len(best) > 1:
        raise RowError(
            "wrong_type",
            f"the questions {', '.join(best)} all compare responses: "
            "name the one that counts, [data.columns] votes",
        )
    if best:
        [(name, of)] = best.items()
        ranked = isinstance(of[0].value, list)
        users = {
            str(answer.user or place): _compared(answer.value, names)
            for place, answer in enumerate(of, 1)
        }
        scores = _merged(list(users.values()), fmean if ranked else sum)
        return Judged((name,), scores, users, "rank" if ranked else "best")
    rated = _rated(given, names)
    if rated is None and given:
        raise RowError(
            "wrong_type",
            f"the answers to {', '.join(given)} neither name nor rate the responses "
            f"{', '.join(names)}: name the question that counts, [data.columns] votes",
        )
    if rated is None:
        raise RowError("no_vote", "there is no submitted answer")
    return rated


def exchanged(
    answers: Mapping[str, Sequence[Answer]], questions: Sequence[str], names: tuple[str, str]
) -> dict[str, list[Answer]]:
    """The answers with these two responses exchanged in every final one."""
    new = {question: list(of) for question, of in answers.items()}
    one, other = names
    if len(questions) == 1:
        [question] = questions
        new[question] = [
            answer._replace(value=_renamed(answer.value, one, other)) if answer.counts else answer
            for answer in answers[question]
        ]
        return new
    keys = {key_of(question): question for question in questions}
    first, second = keys[key_of(one)], keys[key_of(other)]
    new[first], new[second] = new[second], new[first]
    return new


def key_of(name: str) -> str:
    """What tells a response from the others: the number or single letter in its name."""
    found = _KEY.search(name)
    return found[1].lower() if found else ""


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _place(value: object, names: Sequence[str]) -> int | None:
    """The response that an answer names: by its name, or by its number or letter."""
    text = _plain(str(value))
    for place, name in enumerate(names):
        if text in (_plain(name), key_of(name)):
            return place
    return None


def _fits(given: Sequence[Answer], names: Sequence[str], short: bool) -> bool:
    """Whether these answers name responses, one or a list of them. A bare number or letter may be
    a grade, so it counts as a name only if the study says that this is the question."""
    values = [item for answer in given for item in _listed(answer.value)]
    if not all(isinstance(value, str) for value in values):
        return False
    if not short and any(len(_plain(value)) < 2 for value in values):
        return False
    return all(_place(v, names) is not None or _plain(v) in _TIES for v in values)


def _listed(value: Any) -> list[Any]:
    """The responses that an answer names, the best first."""
    if not isinstance(value, list):
        return [value]
    if value and all(isinstance(item, Mapping) for item in value):
        return [i.get("value") for i in sorted(value, key=lambda i: number(i.get("rank")) or 0)]
    return value


def _compared(value: Any, names: Sequence[str]) -> Scores:
    """The scores of one answer: 1 for the best; or by rank, where it ranks them."""
    if not isinstance(value, list):
        best = _place(value, names)
        return tuple(float(place == best) for place in range(len(names)))
    ranks: dict[int | None, float] = {}
    for place, item in enumerate(value, 1):
        named, rank = item, number(place)
        if isinstance(item, Mapping):
            named, rank = item.get("value"), number(item.get("rank"))
        if rank is not None:
            ranks[_place(named, names)] = -rank
    return tuple(ranks.get(place) for place in range(len(names)))


def _merged(of: Sequence[Scores], how: Any) -> Scores:
    merged = []
    for column in zip(*of, strict=True):
        scores = [score for score in column if score is not None]
        merged.append(float(how(scores)) if scores else None)
    return tuple(merged)


def _rated(given: Mapping[str, Sequence[Answer]], names: Sequence[str]) -> Judged | None:
    """From a question per response, whose answers are numbers."""
    keys = [key_of(name) for name in names]
    questions: dict[str, str] = {}
    for question, of in given.items():
        key = key_of(question)
        if key in keys and all(number(answer.value) is not None for answer in of):
            if key in questions:
                raise RowError(
                    "wrong_type",
                    f"the questions {questions[key]} and {question} rate the same response: "
                    "leave one out with [data] ignore",
                )
            questions[key] = question
    if len(questions) < 2:
        return None
    ratings = [
        {str(answer.user or n): number(answer.value) for n, answer in enumerate(given[name], 1)}
        if (name := questions.get(key, ""))
        else {}
        for key in keys
    ]
    users = {
        user: tuple(of.get(user) for of in ratings)
        for user in dict.fromkeys(user for of in ratings for user in of)
    }
    scores = _merged(list(users.values()), fmean)
    ordered = tuple(questions[key] for key in keys if key in questions)
    return Judged(ordered, scores, users, "rating")


def _renamed(value: Any, one: str, other: str) -> Any:
    """An answer with two responses exchanged; the names keep their form."""
    if isinstance(value, list):
        if value and all(isinstance(item, Mapping) for item in value):
            return [{**item, "value": _renamed(item.get("value"), one, other)} for item in value]
        return [_renamed(item, one, other) for item in value]
    place = _place(value, (one, other))
    if place is None:
        return value
    key = key_of((other, one)[place])
    found = _KEY.search(str(value))
    if found is None:
        return value
    start, end = found.span(1)
    return f"{value[:start]}{key.upper() if found[1].isupper() else key}{value[end:]}"
