"""Rows with `chosen` and `rejected`, as most datasets have them.

hh-rlhf, TRL (explicit and implicit prompts; text, messages, tools), OpenRLHF, UltraFeedback
binarized, Orca pairs, and any row that `[data.columns]` describes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from engine.data.cells import cell, recelled
from engine.data.conversation import Conversation, Message
from engine.data.layouts.base import Draft, Row, minus, number, swapped, text_field
from engine.data.layouts.parts import (
    MEDIA,
    SYSTEMS,
    alike,
    asked,
    asks,
    check_media,
    conversation,
    filled,
    joined,
    no_turns,
    read_tools,
    system_messages,
    to_messages,
    whole,
)
from engine.data.layouts.single import Single
from engine.data.messages import is_messages
from engine.data.options import Columns, Options
from engine.data.pairs import NO_FACTS, Facts, RowError, Unused, Vote
from engine.data.prose import is_text
from engine.data.values import described

SIDES = ("chosen", "rejected")
SIDE_NAMES = (
    SIDES,
    ("chosen_response", "rejected_response"),
    ("accepted", "rejected"),
    ("response", "rejected_response"),
)
# Of each group, the first field that a row has filled is used; another with other text is an error.
PROMPTS = ("prompt", "question", "input", "instruction", "query", "context", "context_messages")
# Whole conversations that datasets repeat beside the two sides.
COPIES = ("messages", "conversations")
# What distilabel keeps of how a pair was made.
_MADE_BY = (
    *("generations", "labelling_prompt", "raw_labelling_response", "rationale", "rationales"),
    *("original_chosen", "original_rejected"),
)
_VOTES = ("score", "vote", "value")
NO_VALUE = ("n/a", "na", "nan", "none", "null", "<na>")


def _for_sides(*patterns: str) -> tuple[tuple[str, str], ...]:
    """The columns of the chosen and the rejected side, for each pattern of a name."""
    return tuple((pattern.format("chosen"), pattern.format("rejected")) for pattern in patterns)


_SCORES = _for_sides(
    "score_{}",
    "{}_score",
    "{}-score",
    "{}_rating",
    "rating_{}",
    "{}-rating",
    "{}_reward",
    "reward_{}",
)
_MODELS = _for_sides("model_{}", "{}_model", "{}-model")
_FACTS = frozenset(("margin", *(name for pair in (*_SCORES, *_MODELS) for name in pair)))
BEFORE = frozenset((*PROMPTS, *SYSTEMS, "tools"))


class Preference(Single):
    name = "preference"
    title = "chosen and rejected, with an optional prompt (hh-rlhf, TRL, OpenRLHF, UltraFeedback)"
    text: ClassVar[frozenset[str]] = BEFORE | {name for names in SIDE_NAMES for name in names}
    known: ClassVar[frozenset[str]] = frozenset(
        ("chat_template_kwargs", *MEDIA, *_MADE_BY, *_FACTS)
    )
    settings: ClassVar[frozenset[str]] = frozenset(Columns.__struct_fields__)

    @classmethod
    def matches(cls, row: Row) -> bool:
        return any(one in row and other in row for one, other in SIDE_NAMES)

    def pair(self, row: Row) -> Draft:
        check_media(row, self.options)
        chosen, rejected = self.sides(row)
        return Draft(chosen, rejected, self.facts(row))

    # ------------------------------------------------------------ parts of a row

    def sides(self, row: Row) -> tuple[Conversation, Conversation]:
        values = [(name, self.side(row, name)) for name in self.side_names(row)]
        prompt, tools = self.prompt(row), read_tools(row, self.options)
        chosen, rejected = (self.conversation(prompt, value, name, tools) for name, value in values)
        return chosen, rejected

    def conversation(
        self, prompt: tuple[Message, ...], value: object, name: str, tools: str
    ) -> Conversation:
        ignore = self.options.ignore
        if not prompt:
            return whole(value, name, tools, ignore)
        read = conversation(prompt, value, name, tools, ignore)
        if isinstance(value, str) and not asks(prompt) and not asks(read.messages):
            raise no_turns(name)
        return read

    def side_names(self, row: Row) -> tuple[str, str]:
        columns = self.options.columns
        found = (names for names in SIDE_NAMES if names[0] in row and names[1] in row)
        one, other = next(found, SIDES)
        return columns.chosen or one, columns.rejected or other

    def side(self, row: Row, name: str) -> Any:
        if name not in row:
            raise RowError("missing_field", f"no field {name}: {describe(row)}")
        if row[name] is None:
            raise RowError("missing_field", f"the field {name} is null")
        return row[name]

    def prompt(self, row: Row) -> tuple[Message, ...]:
        """The messages before the completion: the system's, and the prompt's."""
        if BEFORE.isdisjoint(row) and self.named.isdisjoint(row):
            return ()
        name, value = self.prompt_value(row)
        messages = asked(value, name, self.options.ignore)
        return joined(system_messages(row, self.options), messages, name)

    def prompt_value(self, row: Row) -> tuple[str, Any]:
        """(column, value) of the prompt; an empty one counts as none."""
        names = self.options.columns.prompts
        if len(names) > 1:
            parts = [row[name] for name in names if filled(row.get(name))]
            if not all(isinstance(part, str) for part in parts):
                raise RowError("wrong_type", f"{', '.join(names)}: only texts can be joined")
            return names[0], "\n\n".join(parts)
        if names:
            return names[0], row.get(names[0])
        given = self._prompts(row)
        return (given[0], row[given[0]]) if given else ("the prompt", None)

    def _prompts(self, row: Row) -> list[str]:
        ignored = self.options.ignore
        return [n for n in PROMPTS if n in row and n not in ignored and filled(row[n])]

    def unread(self, columns: Iterable[str]) -> tuple[str, ...]:
        """As the base; of several sides two are read, and of several prompts one."""
        columns = tuple(columns)
        sides = self.side_names(dict.fromkeys(columns))
        prompts = tuple(name for name in columns if name in PROMPTS and name in self.text)
        several = len(prompts) > 1 or self.options.columns.prompts
        known = {*sides, *self.options.ignore}
        spare = (n for names in SIDE_NAMES for n in names if n in columns and n not in known)
        rest = tuple(name for name in super().unread(columns) if name not in sides)
        return tuple(dict.fromkeys((*rest, *spare, *(prompts if several else ()))))

    def check_unread(self, row: Row, columns: Sequence[str]) -> None:
        prompts = self._prompts(row)
        named = self.options.columns.named
        first = row[prompts[0]] if prompts and not self.options.columns.prompts else None
        lost = [name for name in prompts if name not in named and row[name] != first]
        others = [name for name in columns if name not in PROMPTS or name not in self.text]
        lost += [c for c in others if is_text(c, row[c]) and not self._is_copy(row, c)]
        if lost:
            raise Unused(lost)

    def _is_copy(self, row: Row, column: str) -> bool:
        """Whether a column repeats one side, or prompt and one side, as `messages` often does."""
        value = row[column]
        if super()._is_copy(row, column) or any(row.get(s) == value for s in self.side_names(row)):
            return True
        value = cell(value)
        if column not in COPIES or not is_messages(value):
            return False
        try:
            messages = to_messages(value, "assistant", column)
            others = [self.prompt(row), *(side.messages for side in self.sides(row))]
            return any(alike(messages, other) for other in others)
        except (RowError, Unused):
            return False

    def facts(self, row: Row) -> Facts:
        columns = self.options.columns
        if _FACTS.isdisjoint(row) and self.named.isdisjoint(row):
            return NO_FACTS
        scores = _names_of(row, columns.scores, _SCORES)
        score = _values(row, scores)
        for name, value in zip(scores, score, strict=True):
            _check_score(name, value, named=columns.scores is not None)
        model = _values(row, _names_of(row, columns.models, _MODELS))
        margin = self._margin(row)
        votes = read_votes(row[columns.votes]) if columns.votes and columns.votes in row else ()
        if score == model == (None, None) and margin is None and not votes:
            return NO_FACTS
        chosen, rejected = (value if isinstance(value, str) else None for value in model)
        return Facts(margin, votes, number(score[0]), number(score[1]), chosen, rejected)

    def _margin(self, row: Row) -> float | None:
        """Raises RowError if the study says that a column is the margin, and it is no number."""
        name = self.options.columns.margin
        value = row.get(name or "margin")
        margin = number(value)
        if name and margin is None and filled(value) and str(value).strip().lower() not in NO_VALUE:
            raise RowError("wrong_type", f"{name} is {str(value)[:40]!r}, no number")
        return margin

    def flipped(self, row: Row) -> Row:
        """The row with the sides swapped, and whatever belongs to one side with them."""
        columns = self.options.columns
        one, other = self.side_names(row)
        new = swapped(row, "chosen", "rejected")
        for pair in ((one, other), columns.scores, columns.models):
            if pair is not None and any(name in row for name in pair):
                first, second = pair
                new[first], new[second] = row.get(second), row.get(first)
        for name in COPIES:
            if name in row and row[name] == row[one] and row[name] != row[other]:
                new[name] = row[other]
        if columns.votes and columns.votes in row:
            votes = row[columns.votes]
            new[columns.votes] = recelled(votes, _turned(cell(votes)))
        return new


def is_described(row: Row, options: Options) -> bool:
    """Whether the study itself says which columns of this row are the sides or the prompt."""
    columns = options.columns
    if columns.chosen is not None or columns.rejected is not None:
        return True
    return bool(columns.prompts) and Preference.matches(row)


def read_votes(value: object) -> tuple[Vote, ...]:
    """The votes of a column: numbers, or objects with a score; positive for the chosen side.

    Raises RowError for anything else.
    """
    value = cell(value)
    items = value if isinstance(value, (list, tuple)) else [value]
    votes = []
    for item in items:
        fields: Mapping[str, Any] = item if isinstance(item, Mapping) else {"score": item}
        given = next((fields[n] for n in _VOTES if n in fields), None)
        score = number(given)
        if score is None and filled(given) and str(given).strip().lower() not in NO_VALUE:
            raise RowError("wrong_type", f"a vote is {str(given)[:40]!r}, no number")
        if score is not None:
            votes.append(Vote(text_field(fields, ("annotator", "user", "id", "name")) or "", score))
    return tuple(votes)


def _turned(votes: Any) -> Any:
    """Votes as `read_votes` reads them, each for the other side."""
    if isinstance(votes, (list, tuple)):
        return [_turned(vote) for vote in votes]
    if isinstance(votes, Mapping):
        name = next((n for n in _VOTES if n in votes), None)
        return votes if name is None else {**votes, name: _turned(votes[name])}
    if isinstance(votes, str) and number(votes):
        return minus(votes)
    is_number = isinstance(votes, (int, float)) and not isinstance(votes, bool)
    return -votes if is_number and votes else votes


def describe(row: Row) -> str:
    """The actual and the expected columns, for an error message."""
    names = ", ".join(str(name)[:40] for name in list(row)[:20]) or "none"
    return f"found columns {names}"


def _check_score(name: str, value: object, *, named: bool) -> None:
    """Raises RowError for a score that is a date or the like; where the study itself says that a
    column is a score, for all that is no number."""
    if not filled(value) or number(value) is not None:
        return
    if named or isinstance(value, (date, time, timedelta, UUID)):
        if isinstance(value, str) and value.strip().lower() in NO_VALUE:
            return
        raise RowError("wrong_type", f"{name} is {described(value)}, no number")


def _names_of(
    row: Row, named: tuple[str, str] | None, known: Sequence[tuple[str, str]]
) -> tuple[str, str]:
    """The first columns of the chosen and the rejected side that the row has; else empty names."""
    pairs = (named,) if named else known
    return next((pair for pair in pairs if pair[0] in row or pair[1] in row), ("", ""))


def _values(row: Row, names: tuple[str, str]) -> tuple[Any, Any]:
    one, other = names
    return (row.get(one), row.get(other)) if one or other else (None, None)
