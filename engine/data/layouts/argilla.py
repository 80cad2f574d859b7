"""Argilla records with the answers of annotators: flat (`Q.responses` per question) or nested."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from engine.data.cells import cell, recelled
from engine.data.layouts import nbest
from engine.data.layouts.answers import Answer, Judged, answered, exchanged
from engine.data.layouts.base import Change, Draft, Layout, Row, text_field
from engine.data.layouts.parts import check_media, filled, read_tools, replied
from engine.data.layouts.preference import BEFORE, Preference
from engine.data.pairs import Facts, RowError
from engine.data.values import described

_CANDIDATE = re.compile(
    r"(responses?|generations?|completions?|answers?|reply|outputs?)[-_ ]?(\d+|[a-z])",
    re.IGNORECASE,
)
_ANSWER_COLUMNS = (".responses", ".responses.users", ".responses.status")
_SUGGESTION_COLUMNS = (".suggestion", ".suggestion.score", ".suggestion.agent")


class _Content(NamedTuple):
    """A record: its fields, those of them that are responses, and the answers by question."""

    fields: Mapping[str, Any]
    candidates: tuple[str, ...]
    answers: Mapping[str, list[Answer]]


class _Records(Preference):
    settings = Layout.settings | {"prompt", "system", "votes"}

    @abstractmethod
    def content(self, row: Row) -> _Content:
        """The parts of a record. Raises RowError."""

    @abstractmethod
    def with_answers(self, row: Row, answers: Mapping[str, list[Answer]]) -> Row:
        """The row with other answers to these questions."""

    @abstractmethod
    def without_field(self, row: Row, name: str) -> Row:
        """The row with this field empty."""

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        [row] = rows
        content, judged, found = self._pairs(row)
        check_media(content.fields, self.options)
        prompt, tools = self.prompt(content.fields), read_tools(content.fields, self.options)
        names, ignore = content.candidates, self.options.ignore
        texts = [content.fields[name] for name in names]
        return [
            Draft(
                replied(prompt, texts[better], names[better], ignore, tools),
                replied(prompt, texts[worse], names[worse], ignore, tools),
                _facts(judged, better, worse),
                nbest.place((better, worse)),
            )
            for better, worse in found
        ]

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        [row] = rows
        changed = {change.place: change.action for change in changes if change.action != "keep"}
        if not changed:
            return [row]
        content, judged, found = self._pairs(row)
        # No answer says that two responses are equally good, so the lower one of a tie goes.
        gone = [pair for pair in found if changed.get(nbest.place(pair)) in ("omit", "tie")]
        if len(gone) == len(found):
            return [None]
        for pair in found:
            if changed.get(nbest.place(pair)) == "flip":
                names = content.candidates[pair[0]], content.candidates[pair[1]]
                answers = exchanged(content.answers, judged.questions, names)
                row, content = self.with_answers(row, answers), content._replace(answers=answers)
        for _, worse in gone:
            row = self.without_field(row, content.candidates[worse])
        return [row]

    def _pairs(self, row: Row) -> tuple[_Content, Judged, list[nbest.Pair]]:
        content = self.content(row)
        if len(content.candidates) < 2:
            raise RowError(
                "no_rival",
                f"{len(content.candidates)} response: expected response_1, response_2, …",
            )
        judged = answered(content.answers, content.candidates, self.options.columns.votes)
        texts = [content.fields[name] for name in content.candidates]
        scores = [
            score if text is not None and text != "" else None
            for score, text in zip(judged.scores, texts, strict=True)
        ]
        return content, judged, nbest.pairs(scores, self.options.nbest)


class ArgillaFlat(_Records):
    name = "argilla-flat"
    title = "fields, and Q.responses for every question Q (Argilla, exported flat)"
    text: ClassVar[frozenset[str]] = BEFORE
    known: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def matches(cls, row: Row) -> bool:
        return any(name.endswith(".responses") for name in row) and len(_candidates(row)) > 1

    def unread(self, columns: Iterable[str]) -> tuple[str, ...]:
        endings = (*_ANSWER_COLUMNS, *_SUGGESTION_COLUMNS)
        columns = list(columns)
        responses = _candidates(columns)
        return tuple(
            name
            for name in super().unread(columns)
            if not name.endswith(endings) and name not in responses
        )

    def content(self, row: Row) -> _Content:
        answers = {}
        for column, values in row.items():
            if not column.endswith(".responses") or not filled(values):
                continue
            values = cell(values)
            if not isinstance(values, list):
                raise RowError("wrong_type", f"{column} is {described(values)}, not a list")
            users, statuses = (cell(row.get(column + end)) for end in (".users", ".status"))
            answers[column.removesuffix(".responses")] = [
                Answer(value, _at(users, place), _at(statuses, place))
                for place, value in enumerate(values)
            ]
        return _Content(row, _candidates(row), answers)

    def with_answers(self, row: Row, answers: Mapping[str, list[Answer]]) -> Row:
        new = dict(row)
        for question, given in answers.items():
            columns = (f"{question}{end}" for end in _ANSWER_COLUMNS)
            for column, values in zip(columns, zip(*given, strict=True), strict=False):
                if isinstance(cell(row.get(column)), list):
                    new[column] = recelled(row[column], list(values))
        return new

    def without_field(self, row: Row, name: str) -> Row:
        return {**row, name: None}


class ArgillaRecords(_Records):
    name = "argilla-records"
    title = "fields, responses, suggestions (Argilla records)"
    text: ClassVar[frozenset[str]] = BEFORE | {"fields"}
    known: ClassVar[frozenset[str]] = frozenset(("responses", "suggestions", "metadata", "vectors"))

    @classmethod
    def matches(cls, row: Row) -> bool:
        parts = (cell(row.get(name)) for name in ("fields", "responses"))
        return all(isinstance(part, Mapping) for part in parts)

    def content(self, row: Row) -> _Content:
        fields = _object(row, "fields")
        responses = _candidates(fields)
        # The prompt's own rules for several of them, and for columns that are not read.
        beside = [name for name in self.unread(fields) if name not in responses]
        self.check_unread(fields, beside)
        answers = {
            question: [
                Answer(
                    item.get("value"),
                    text_field(item, ("user_id",)),
                    text_field(item, ("status",)),
                    item,
                )
                for item in given
                if isinstance(item, Mapping)
            ]
            for question, given in _object(row, "responses").items()
            if isinstance(given, list)
        }
        return _Content(fields, responses, answers)

    def with_answers(self, row: Row, answers: Mapping[str, list[Answer]]) -> Row:
        responses = {
            question: [{**answer.item, "value": answer.value} for answer in given]
            for question, given in answers.items()
        }
        new = {**_object(row, "responses"), **responses}
        return {**row, "responses": recelled(row["responses"], new)}

    def without_field(self, row: Row, name: str) -> Row:
        return {**row, "fields": recelled(row["fields"], {**_object(row, "fields"), name: None})}


def _object(row: Row, column: str) -> Mapping[str, Any]:
    value = cell(row[column])
    if not isinstance(value, Mapping):
        raise RowError("wrong_type", f"{column} is {described(value)}, not an object")
    return value


def _candidates(names: Iterable[str]) -> tuple[str, ...]:
    """The fields that are responses, such as `response_1` and `response_2`."""
    return tuple(name for name in names if _CANDIDATE.fullmatch(name))


def _at(values: object, place: int) -> str | None:
    value = values[place] if isinstance(values, list) and place < len(values) else None
    return value if isinstance(value, str) else None


def _facts(judged: Judged, better: int, worse: int) -> Facts:
    votes = judged.votes(better, worse)
    one, other = judged.scores[better], judged.scores[worse]
    if judged.kind == "best" or one is None or other is None:
        return Facts(votes=votes)
    if judged.kind == "rank":
        return Facts(one - other, votes)
    return Facts(one - other, votes, one, other)
