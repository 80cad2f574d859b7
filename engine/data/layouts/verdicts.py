"""Verdicts of a judge in two games with the sides swapped, as Arena-Hard writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from engine.data.cells import cell, recelled
from engine.data.conversation import Conversation, Message
from engine.data.layouts.base import Row, text_field
from engine.data.layouts.compared import Compared, Side
from engine.data.layouts.parts import replied
from engine.data.pairs import Facts, RowError, Vote

# By how much answer A is better.
_VERDICTS = {"A>>B": 2, "A>B": 1, "A=B": 0, "B>A": -1, "B>>A": -2}
_ALSO = {"B=A": "A=B", "A<B": "B>A", "A<<B": "B>>A", "B<A": "A>B", "B<<A": "A>>B"}
_ANSWER = (
    r"<\|The Start of Assistant {0}'s Answer\|>\n(?P<{0}>.*?)\n"
    r"<\|The End of Assistant {0}'s Answer\|>"
)
_PROMPT = re.compile(
    r"\A<\|User Prompt\|>\n(?P<question>.*?)\n\n"
    + _ANSWER.format("A")
    + r"\n\n"
    + _ANSWER.format("B")
    + r"\s*\Z",
    re.DOTALL,
)
_MARK = "<|The Start of Assistant"


class _Game(NamedTuple):
    """`lead` is by how much the first answer of the first game, that of the baseline, is better."""

    question: str
    baseline: str
    model: str
    lead: int


class ArenaHard(Compared):
    name = "arena-hard"
    title = "games: two verdicts of a judge, with the sides swapped (Arena-Hard)"
    text: ClassVar[frozenset[str]] = frozenset(("games",))

    @classmethod
    def matches(cls, row: Row) -> bool:
        return {"games", "judge", "model"} <= row.keys()

    def conversations(self, row: Row) -> tuple[Conversation, Conversation]:
        first, _ = self._games(row)
        prompt = (Message("user", first.question.strip()),)
        return replied(prompt, first.baseline, "A"), replied(prompt, first.model, "B")

    def preferred(self, row: Row) -> Side:
        leads = [game.lead for game in self._games(row)]
        if min(leads) < 0 < max(leads):
            raise RowError("tie", "the judge prefers a side, not an answer: the games contradict")
        if not any(leads):
            raise RowError("tie", "both games are a tie")
        return "a" if sum(leads) > 0 else "b"

    def facts(self, row: Row, preferred: Side) -> Facts:
        sign = 1 if preferred == "a" else -1
        leads = [sign * game.lead for game in self._games(row)]
        judge = text_field(row, ("judge",)) or ""
        names = [text_field(row, ("baseline",)), text_field(row, ("model",))]
        chosen, rejected = names if preferred == "a" else reversed(names)
        return Facts(
            sum(leads) / len(leads),
            tuple(Vote(judge, lead) for lead in leads),
            model_chosen=chosen,
            model_rejected=rejected,
        )

    def flipped(self, row: Row) -> Row:
        swap = {old: new for old, new in zip(_VERDICTS, reversed(_VERDICTS), strict=True)}
        return _with_scores(row, [swap[_verdict(game)] for game in cell(row["games"])])

    def tied(self, row: Row) -> Row:
        return _with_scores(row, ["A=B" for _ in cell(row["games"])])

    def _games(self, row: Row) -> tuple[_Game, _Game]:
        games = cell(row["games"])
        if not isinstance(games, list) or len(games) != 2:
            raise RowError("wrong_type", "games are not two games, with the sides swapped")
        first, second = (_game(game, number) for number, game in enumerate(games, 1))
        # In the second game the model's answer is the first one.
        swapped = second._replace(baseline=second.model, model=second.baseline, lead=-second.lead)
        if first[:3] != swapped[:3]:
            raise RowError("wrong_type", "the two games are not of the same answers, swapped")
        return first, swapped


def _game(game: object, number: int) -> _Game:
    if not isinstance(game, Mapping) or game.get("score") is None:
        raise RowError("no_vote", f"game {number} has no verdict")
    prompt = _shown(game)
    match = _PROMPT.match(prompt)
    if match is None or prompt.count(_MARK) != 2:
        raise RowError(
            "wrong_type",
            f"game {number}: the answers are not between the marks of Arena-Hard's prompt "
            "for one turn",
        )
    return _Game(match["question"], match["A"], match["B"], _VERDICTS[_verdict(game)])


def _shown(game: Mapping[str, Any]) -> str:
    """What the judge was shown: a text, or the last of several messages."""
    shown = game.get("user_prompt")
    if shown is None and isinstance(messages := game.get("prompt"), list) and messages:
        shown = messages[-1].get("content") if isinstance(messages[-1], Mapping) else None
    if not isinstance(shown, str):
        raise RowError("missing_field", "a game has no user_prompt or prompt with the two answers")
    return shown


def _verdict(game: Mapping[str, Any]) -> str:
    score = str(game["score"]).strip()
    verdict = _ALSO.get(score, score)
    if verdict not in _VERDICTS:
        raise RowError("wrong_type", f"a game's score is {score[:40]!r}, not such as A>>B or B>A")
    return verdict


def _with_scores(row: Row, scores: Sequence[str]) -> Row:
    games = [{**game, "score": s} for game, s in zip(cell(row["games"]), scores, strict=True)]
    return {**row, "games": recelled(row["games"], games)}
