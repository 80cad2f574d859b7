"""Several scored responses in one row: UltraFeedback, Nectar, and any list of responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, ClassVar

from engine.data.cells import cell, recelled
from engine.data.conversation import Message
from engine.data.layouts.base import Row, number, text_field
from engine.data.layouts.candidates import Candidate, Listed
from engine.data.layouts.parts import filled
from engine.data.layouts.preference import BEFORE, PROMPTS
from engine.data.messages import is_messages
from engine.data.pairs import RowError, Unused
from engine.data.prose import is_text

# Of each group, the first field that a response has is used.
_ANSWERS = ("response", "answer", "completion", "text", "content", "output", "generation")
_THINKING = ("thinking", "reasoning_content", "reasoning")
_SCORES = ("overall_score", "fine-grained_score", "score", "reward", "rating")
_RANKS = ("rank", "ranking")
_MODELS = ("model", "model_name", "generator")
# Columns beside the responses with an item for each.
_COLUMNS = ("responses", "completions", "candidates", "answers", "generations")
_LISTS = ("scores", "rewards", "ratings", "ranks")
_MODEL_LISTS = ("models", "generation_models")
_PARALLEL = (*_COLUMNS, *_LISTS, *_MODEL_LISTS, "rationales")


class Items(Listed):
    """A list of objects, one per response."""

    columns: ClassVar[tuple[str, ...]]  # the first one that a row has holds the list
    beside: ClassVar[frozenset[str]] = frozenset()  # fields of a response that are not read

    def candidates(self, row: Row) -> list[Candidate]:
        column, items = self._items(row)
        field = self._score_field(items)
        is_rank = field in _RANKS
        found = []
        for place, item in enumerate(items, 1):
            score = _score(item, field)
            if is_rank and score is not None:
                score = -score
            answer = self._answer(item, f"{column}, response {place}")
            found.append(Candidate(answer, score, text_field(item, _MODELS), is_rank))
        return found

    def settled(self, row: Row, scores: dict[int, int]) -> Row:
        column, items = self._items(row)
        field = self._score_field(items)
        new = [
            {**items[one], field: items[taken].get(field)}
            if one != taken and field in items[one]
            else items[one]
            for one, taken in scores.items()
        ]
        return {**_shortened(row, len(items), scores), column: recelled(row[column], new)}

    def _items(self, row: Row) -> tuple[str, list[Mapping[str, Any]]]:
        column = next(name for name in self.columns if name in row)
        items = cell(row[column])
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise RowError(
                "wrong_type",
                f"{column} is no list of objects with a score each, and no list of scores is "
                "beside it",
            )
        return column, items

    def _answer(self, item: Mapping[str, Any], where: str) -> Any:
        """What a response says; empty if it says nothing. Raises Unused for further text."""
        name = next((name for name in _ANSWERS if item.get(name) is not None), None)
        thought = next((field for field in _THINKING if filled(item.get(field))), None)
        read = {name, thought, *_MODELS, "annotations", *self.beside, *self.options.ignore}
        if lost := [key for key in item if key not in read and is_text(key, item[key])]:
            raise Unused(lost, where)
        if name is None:
            return ""
        if thought is None:
            return item[name]
        return {"role": "assistant", "content": item[name], "thinking": item[thought]}

    def _score_field(self, items: Sequence[Mapping[str, Any]]) -> str:
        """The field that the responses are compared by: the first that two of them have."""
        if len(items) < 2:
            raise RowError("no_rival", f"the row has {len(items)} response")
        names = (*_SCORES, "annotations", *_RANKS)
        count = {name: sum(_score(item, name) is not None for item in items) for name in names}
        if not any(count.values()):
            raise RowError("missing_field", "no response has a score, a rating or a rank")
        return next((name for name in names if count[name] > 1), max(names, key=count.__getitem__))


class UltraFeedback(Items):
    name = "ultrafeedback"
    title = "instruction, completions with ratings (UltraFeedback)"
    columns = ("completions",)
    beside = frozenset(("principle", "custom_system_prompt", "critique"))
    text: ClassVar[frozenset[str]] = BEFORE | {"completions"}
    known: ClassVar[frozenset[str]] = frozenset(("correct_answers", "incorrect_answers", "models"))

    @classmethod
    def matches(cls, row: Row) -> bool:
        if not {"instruction", "completions"} <= row.keys():
            return False
        return row["completions"] == [] or _has(row["completions"], "response")


class Nectar(Items):
    name = "nectar"
    title = "prompt, answers with ranks (Nectar)"
    columns = ("answers",)
    text: ClassVar[frozenset[str]] = BEFORE | {"answers"}

    @classmethod
    def matches(cls, row: Row) -> bool:
        return {"prompt", "answers"} <= row.keys() and _has(row["answers"], "answer")

    def prompt(self, row: Row) -> tuple[Message, ...]:
        # "\n\nHuman: … \n\nAssistant: ": the blank before a line break is the format's.
        return tuple(
            Message(message.role, message.content.strip()) if message.is_plain else message
            for message in super().prompt(row)
        )


class Scored(Items):
    name = "scored"
    title = "a prompt, and responses with scores or ranks"
    columns = _COLUMNS
    text: ClassVar[frozenset[str]] = BEFORE | {*_COLUMNS, *_LISTS}
    known: ClassVar[frozenset[str]] = frozenset((*_MODEL_LISTS, "rationales"))

    @classmethod
    def matches(cls, row: Row) -> bool:
        columns = [name for name in cls.columns if name in row]
        if len(columns) != 1 or not any(name in row for name in PROMPTS):
            return False
        items = cell(row[columns[0]])
        if is_messages(items):  # a conversation, unless its messages are rated
            return any(name in items[0] for name in (*_SCORES, *_RANKS))
        return items == "" or isinstance(items, list)

    def candidates(self, row: Row) -> list[Candidate]:
        column = next(name for name in self.columns if name in row)
        name, scores = self._scores(row)
        if name is None:
            return super().candidates(row)
        answers = cell(row[column])
        if not isinstance(answers, list) or len(answers) != len(scores):
            raise RowError("wrong_type", f"{column} and {name} are not equally many")
        sign = -1 if name == "ranks" else 1
        models = cell(next((row[n] for n in _MODEL_LISTS if n in row), None))
        if not isinstance(models, list) or len(models) != len(answers):
            models = [None] * len(answers)
        return [
            Candidate(
                self._answer(answer, f"{column}, response {place}")
                if isinstance(answer, Mapping)
                else answer,
                None if (score := number(value)) is None else sign * score,
                model if isinstance(model, str) else None,
                sign < 0,
            )
            for place, (answer, value, model) in enumerate(
                zip(answers, scores, models, strict=True), 1
            )
        ]

    def settled(self, row: Row, scores: dict[int, int]) -> Row:
        name, given = self._scores(row)
        if name is None:
            return super().settled(row, scores)
        new = [given[taken] for taken in scores.values()]
        return {**_shortened(row, len(given), scores), name: recelled(row[name], new)}

    def _scores(self, row: Row) -> tuple[str | None, list[Any]]:
        """(column, scores) of the list beside the responses; (None, []) if there is none."""
        for name in _LISTS:
            if isinstance(value := cell(row.get(name)), list):
                return name, value
        return None, []


def _has(items: object, field: str) -> bool:
    """Whether these are responses with this field; a table's header does not say."""
    items = cell(items)
    if isinstance(items, list) and items:
        return isinstance(items[0], Mapping) and field in items[0]
    return items == ""


def _score(item: Mapping[str, Any], field: str) -> float | None:
    if field != "annotations":
        return number(item.get(field))
    ratings = list(_ratings(item.get("annotations")))
    return fmean(ratings) if ratings else None


def _ratings(annotations: object) -> Iterator[float]:
    """The ratings of all aspects that have one; they are texts, such as "4" and "N/A"."""
    for aspect in annotations.values() if isinstance(annotations, Mapping) else ():
        rating = number(aspect.get("Rating")) if isinstance(aspect, Mapping) else None
        if rating is not None:
            yield rating


def _shortened(row: Row, size: int, scores: Mapping[int, int]) -> dict[str, Any]:
    """The row with the columns that have an item per response shortened to those that stay."""
    new = dict(row)
    for name in _PARALLEL:
        value = cell(row.get(name))
        if isinstance(value, list) and len(value) == size > len(scores):
            new[name] = recelled(row[name], [value[one] for one in scores])
    if number(row.get("num_responses")) == size > len(scores):
        new["num_responses"] = type(row["num_responses"])(len(scores))
    return new
