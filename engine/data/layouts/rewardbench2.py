"""RewardBench 2: lists of correct and of incorrect responses to one prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from engine.data.cells import cell, recelled
from engine.data.layouts.base import Change, Draft, Layout, Row, number
from engine.data.layouts.nbest import Pair, place
from engine.data.layouts.parts import check_media, read_tools, replied
from engine.data.layouts.preference import BEFORE, SIDES, Preference
from engine.data.pairs import Facts, RowError


class RewardBench2(Preference):
    """Candidates are numbered as in the row: the chosen ones, then the rejected ones."""

    name = "rewardbench2"
    title = "chosen and rejected as lists of responses (RewardBench 2)"
    text: ClassVar[frozenset[str]] = BEFORE | {*SIDES}
    settings = Layout.settings | {"prompt", "system"}
    known: ClassVar[frozenset[str]] = frozenset(("models", "additional_metadata"))

    @classmethod
    def matches(cls, row: Row) -> bool:
        # In a table's cell, a list of texts may also be what one response says.
        of = cell if "num_correct" in row else _same
        return all(side in row and _texts(of(row[side])) for side in SIDES)

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        [row] = rows
        check_media(row, self.options)
        prompt, answers = self.prompt(row), _answers(row)
        tools = read_tools(row, self.options)
        models = _models(row, len(answers)) or [None] * len(answers)
        found = []
        for better, worse in self._pairs(row):
            chosen, rejected = (
                replied(prompt, answers[one], f"response {one + 1}", tools=tools)
                for one in (better, worse)
            )
            facts = Facts(model_chosen=models[better], model_rejected=models[worse])
            found.append(Draft(chosen, rejected, facts, place((better, worse))))
        return found

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        [row] = rows
        changed = {change.place: change.action for change in changes if change.action != "keep"}
        if not changed:
            return [row]
        pairs = self._pairs(row)
        # The row has no word for a tie, so the lower response of one goes, too.
        gone = {pair for pair in pairs if changed.get(place(pair)) in ("omit", "tie")}
        if gone == set(pairs):
            return [None]
        return [_rewritten(row, [p for p in pairs if changed.get(place(p)) == "flip"], gone)]

    def _pairs(self, row: Row) -> list[Pair]:
        """Each chosen response with every rejected one, or with the first one. Neither list has an
        order, so the worst one is not known."""
        size, total = len(_side(row, "chosen")), len(_answers(row))
        rejected = range(size, total)
        if not size or not rejected:
            raise RowError("no_rival", "a side has no response")
        others = rejected if self.options.nbest == "best-rest" else rejected[:1]
        return [(better, worse) for better in range(size) for worse in others]


def _same(value: Any) -> Any:
    return value


def _side(row: Row, side: str) -> list[str]:
    texts = cell(row[side])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise RowError("wrong_type", f"{side} is no list of texts")
    return texts


def _answers(row: Row) -> list[str]:
    return [*_side(row, "chosen"), *_side(row, "rejected")]


def _models(row: Row, size: int) -> list[Any] | None:
    """The model of every response, or None if the row does not say."""
    models = cell(row.get("models"))
    return models if isinstance(models, list) and len(models) == size else None


def _texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)


def _rewritten(row: Row, flips: Sequence[Pair], gone: set[Pair]) -> Row:
    """The row with the responses of `flips` on the other side, without the lower ones of `gone`.

    A response that won one pair and lost another stays where it is.
    """
    size, answers = len(_side(row, "chosen")), _answers(row)
    removed = {worse for _, worse in gone}
    order = list(range(len(answers)))
    for better, worse in flips:
        order[better], order[worse] = order[worse], order[better]
    chosen = [one for one in order[:size] if one not in removed]
    rejected = [one for one in order[size:] if one not in removed]
    new = dict(row)
    for side, numbers in (("chosen", chosen), ("rejected", rejected)):
        new[side] = recelled(row[side], [answers[one] for one in numbers])
    if models := _models(row, len(answers)):
        new["models"] = recelled(row["models"], [models[one] for one in (*chosen, *rejected)])
    total = len(chosen) + len(rejected)
    counts = {"num_correct": len(chosen), "num_incorrect": len(rejected)}
    for name, count in {**counts, "total_completions": total}.items():
        if number(row.get(name)) is not None:
            new[name] = type(row[name])(count)
    return new
