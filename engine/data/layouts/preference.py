"""Rows with `chosen` and `rejected`, as most datasets have them.

hh-rlhf, TRL (explicit and implicit prompts; text, messages, tools), OpenRLHF, UltraFeedback
binarized, Orca pairs, and any row that `[data.columns]` describes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from engine.data.cells import text_list
from engine.data.conversation import Conversation, Message
from engine.data.layouts.base import Change, Draft, Layout, Row, number, swapped, text_field
from engine.data.layouts.parts import conversation, to_messages
from engine.data.messages import json_text
from engine.data.pairs import NO_FACTS, Facts, RowError, Vote
from engine.data.transcript import ASSISTANT

SIDES = ("chosen", "rejected")
# Of each group, the first field that a row has filled is used; another with other text is an error.
PROMPTS = ("prompt", "question", "input", "instruction", "query")
SYSTEMS = ("system", "system_prompt", "system_message")


def _for_sides(*patterns: str) -> tuple[tuple[str, str], ...]:
    """The columns of the chosen and the rejected side, for each pattern of a name."""
    return tuple((pattern.format("chosen"), pattern.format("rejected")) for pattern in patterns)


_SCORES = _for_sides(
    "score_{}", "{}_score", "{}-score", "{}_rating", "{}-rating", "{}_reward", "reward_{}"
)
_MODELS = _for_sides("model_{}", "{}_model", "{}-model")
_FACTS = frozenset(("margin", *(name for pair in (*_SCORES, *_MODELS) for name in pair)))
_BEFORE = frozenset((*PROMPTS, *SYSTEMS))
_MEDIA = ("images", "image", "audio", "audios", "videos", "video")


class Preference(Layout):
    name = "preference"
    title = "chosen and rejected, with an optional prompt (hh-rlhf, TRL, OpenRLHF, UltraFeedback)"
    text: ClassVar[frozenset[str]] = frozenset((*SIDES, *PROMPTS, *SYSTEMS, "tools"))
    known: ClassVar[frozenset[str]] = frozenset(("chat_template_kwargs", *_MEDIA))

    @classmethod
    def matches(cls, row: Row) -> bool:
        return all(side in row for side in SIDES)

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        [row] = rows
        for name in _MEDIA:
            if row.get(name):
                raise RowError("media", f"the row has {name}")
        chosen, rejected = self.sides(row)
        return [Draft(chosen, rejected, self.facts(row))]

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        [row] = rows
        match changes[0].action if changes else "keep":
            case "omit" | "tie":  # the layout has no word for a tie
                return [None]
            case "flip":
                return [self.flipped(row)]
            case _:
                return [row]

    # ------------------------------------------------------------ parts of a row

    def sides(self, row: Row) -> tuple[Conversation, Conversation]:
        values = [(name, self.side(row, name)) for name in self.side_names()]
        prompt, tools = self.prompt(row), json_text(row.get("tools"))
        chosen, rejected = (self.conversation(prompt, value, name, tools) for name, value in values)
        return chosen, rejected

    def conversation(
        self, prompt: tuple[Message, ...], value: object, name: str, tools: str
    ) -> Conversation:
        if not prompt and isinstance(value, str) and not value.startswith("["):
            whole = Conversation.of_transcript(value)
            if ASSISTANT not in whole.encoded:
                raise RowError(
                    "no_assistant_turn",
                    f"{name} is text without turns, and the row has no prompt: expected "
                    "prompt, messages, or turns that begin with Human: and Assistant:",
                )
            return whole
        return conversation(prompt, value, name, tools, self.options.ignore)

    def side_names(self) -> tuple[str, str]:
        columns = self.options.columns
        return columns.chosen or "chosen", columns.rejected or "rejected"

    def side(self, row: Row, name: str) -> Any:
        if name not in row:
            raise RowError("missing_field", f"no field {name}: {describe(row)}")
        if row[name] is None:
            raise RowError("missing_field", f"the field {name} is null")
        return row[name]

    def prompt(self, row: Row) -> tuple[Message, ...]:
        """The messages before the completion: the system's, and the prompt's."""
        if _BEFORE.isdisjoint(row) and self.named.isdisjoint(row):
            return ()
        name, value = self.prompt_value(row)
        messages: tuple[Message, ...] = ()
        if isinstance(value, str) and (texts := text_list(value)) is not None:
            if len(texts) > 1:
                raise RowError(
                    "wrong_type", f"{name} is a list of {len(texts)} texts without roles"
                )
            value = texts[0]
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            if len(value) > 1:
                raise RowError(
                    "wrong_type", f"{name} is a list of {len(value)} texts without roles"
                )
            value = value[0]
        if value is not None and value != "":
            messages = to_messages(value, "user", name, self.options.ignore)
        system = self._system(row)
        if system and not any(message.role == "system" for message in messages):
            messages = (Message("system", system), *messages)
        return messages

    def prompt_value(self, row: Row) -> tuple[str, Any]:
        """(column, value) of the prompt; an empty one counts as none."""
        if names := self.options.columns.prompts:
            if len(names) == 1:
                return names[0], row.get(names[0])
            parts = [row[name] for name in names if row.get(name)]
            if not all(isinstance(part, str) for part in parts):
                raise RowError("wrong_type", f"{', '.join(names)}: only texts can be joined")
            return names[0], "\n\n".join(parts)
        filled = [name for name in PROMPTS if row.get(name)]
        if not filled:
            return "the prompt", None
        return filled[0], row[filled[0]]

    def _system(self, row: Row) -> str:
        name = self.options.columns.system
        names = SYSTEMS if name is None else (name,)
        value = next((row[name] for name in names if row.get(name)), None)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise RowError(
                "wrong_type", f"the system message is no text, but {type(value).__name__}"
            )
        return value

    def check_unread(self, row: Row, columns: Sequence[str]) -> None:
        """As the base; further prompts beside the first one would be lost, too."""
        if not self.options.columns.prompts:
            filled = [name for name in PROMPTS if row.get(name)]
            if len(filled) > 1:
                first = row[filled[0]]
                columns = [*columns, *(name for name in filled[1:] if row[name] != first)]
        super().check_unread(row, columns)

    def facts(self, row: Row) -> Facts:
        columns = self.options.columns
        if _FACTS.isdisjoint(row) and self.named.isdisjoint(row):
            return NO_FACTS
        score = _pair_of(row, columns.scores, _SCORES)
        model = _pair_of(row, columns.models, _MODELS)
        margin = number(row.get(columns.margin or "margin"))
        votes = read_votes(row[columns.votes]) if columns.votes and columns.votes in row else ()
        if score == model == (None, None) and margin is None and not votes:
            return NO_FACTS
        chosen, rejected = (value if isinstance(value, str) else None for value in model)
        return Facts(margin, votes, number(score[0]), number(score[1]), chosen, rejected)

    def flipped(self, row: Row) -> Row:
        """The row with the sides swapped, and whatever belongs to one side with them."""
        columns = self.options.columns
        new = swapped(row, "chosen", "rejected")
        for pair in (self.side_names(), columns.scores, columns.models):
            if pair is not None:
                one, other = pair
                new[one], new[other] = row[other], row[one]
        return new


def read_votes(value: object) -> tuple[Vote, ...]:
    """The votes of a column: numbers, or objects with a score; positive for the chosen side."""
    items = value if isinstance(value, (list, tuple)) else [value]
    votes = []
    for item in items:
        fields: Mapping[str, Any] = item if isinstance(item, Mapping) else {"score": item}
        score = number(next((fields[n] for n in ("score", "vote", "value") if n in fields), None))
        if score is not None:
            votes.append(Vote(text_field(fields, ("annotator", "user", "id", "name")) or "", score))
    return tuple(votes)


def describe(row: Row) -> str:
    """The actual and the expected columns, for an error message."""
    names = ", ".join(str(name)[:40] for name in list(row)[:20]) or "none"
    return f"found columns {names}"


def _pair_of(
    row: Row, named: tuple[str, str] | None, known: Sequence[tuple[str, str]]
) -> tuple[Any, Any]:
    """The values, for the chosen and the rejected side, of the first columns that the row has."""
    for one, other in (named,) if named else known:
        if one in row or other in row:
            return row.get(one), row.get(other)
    return None, None
