"""The bases of layouts with several scored responses to one prompt: in a row, or one per row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from engine.data.conversation import Conversation, Message
from engine.data.layouts import nbest
from engine.data.layouts.base import Change, Draft, Layout, Row
from engine.data.layouts.parts import check_media, read_tools, replied
from engine.data.layouts.preference import Preference
from engine.data.options import Options
from engine.data.pairs import Facts, RowError


class Candidate(NamedTuple):
    """One response. `score` is higher for a better one; `is_rank` says that it is a rank with its
    sign changed."""

    answer: Any
    score: float | None
    model: str | None = None
    is_rank: bool = False


class Listed(Preference):
    """Several responses in one row, beside a prompt as in any row of preferences."""

    settings = Layout.settings | {"prompt", "system"}

    @abstractmethod
    def candidates(self, row: Row) -> list[Candidate]:
        """The responses in the row's order. Raises RowError."""

    @abstractmethod
    def settled(self, row: Row, scores: dict[int, int]) -> Row:
        """The row with these candidates, each with the score of the one that it is given."""

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        [row] = rows
        check_media(row, self.options)
        tools = read_tools(row, self.options)
        return drafts(self.prompt(row), self.candidates(row), self.options, tools)

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        [row] = rows
        if all(change.action == "keep" for change in changes):
            return [row]
        scores = after(self.candidates(row), self.options, changes)
        return [None if scores is None else self.settled(row, scores)]


class Gathered(Layout):
    """One response per row: those of one prompt belong together."""

    grouped = True
    score_column: ClassVar[str]

    @abstractmethod
    def prompt(self, row: Row) -> tuple[Message, ...]:
        """What the response answers. Raises RowError."""

    @abstractmethod
    def candidate(self, row: Row) -> Candidate:
        """The response of a row. Raises RowError."""

    def tools(self, row: Row) -> str:
        """The tools of the conversation, a JSON list."""
        return ""

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        for row in rows:
            check_media(row, self.options)
        candidates = [self.candidate(row) for row in rows]
        return drafts(self.prompt(rows[0]), candidates, self.options, self.tools(rows[0]))

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        if all(change.action == "keep" for change in changes):
            return list(rows)
        scores = after([self.candidate(row) for row in rows], self.options, changes)
        if scores is None:
            return [None for _ in rows]
        name = self.score_column
        return [
            {**row, name: rows[scores[place]][name]} if place in scores else None
            for place, row in enumerate(rows)
        ]


def drafts(
    prompt: Sequence[Message], candidates: Sequence[Candidate], options: Options, tools: str = ""
) -> list[Draft]:
    """The pairs of these candidates. Raises RowError."""
    found = nbest.pairs(_scores(candidates), options.nbest)

    def response(place: int) -> Conversation:
        answer, where = candidates[place].answer, f"response {place + 1}"
        return replied(prompt, answer, where, options.ignore, tools)

    return [
        Draft(
            response(better),
            response(worse),
            _facts(candidates[better], candidates[worse]),
            nbest.place((better, worse)),
        )
        for better, worse in found
    ]


def after(
    candidates: Sequence[Candidate], options: Options, changes: Sequence[Change]
) -> dict[int, int] | None:
    """As `nbest.settled`. A row without pairs, which nobody can decide about, stays."""
    scores = _scores(candidates)
    try:
        found = nbest.pairs(scores, options.nbest)
    except RowError:
        return {number: number for number in range(len(candidates))}
    return nbest.settled(scores, found, changes)


def _scores(candidates: Sequence[Candidate]) -> list[float | None]:
    """The scores; None for an empty response, with which nothing can be compared."""
    return [
        None if isinstance(answer, str) and not answer.strip() else score
        for answer, score, *_ in candidates
    ]


def _facts(better: Candidate, worse: Candidate) -> Facts:
    if better.score is None or worse.score is None:
        return Facts(model_chosen=better.model, model_rejected=worse.model)
    margin = better.score - worse.score
    if better.is_rank:  # a place among the others is no score
        return Facts(margin, model_chosen=better.model, model_rejected=worse.model)
    return Facts(margin, (), better.score, worse.score, better.model, worse.model)
