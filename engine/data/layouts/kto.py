"""KTO's rows: one response each, desirable or not. Pairs are made by prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from engine.data.conversation import Conversation, Message
from engine.data.layouts import nbest
from engine.data.layouts.base import (
    Change,
    Draft,
    Layout,
    Row,
    check_conversation,
    number,
    text_field,
)
from engine.data.layouts.labels import opposite, read_label
from engine.data.layouts.parts import (
    MEDIA,
    SYSTEMS,
    asked,
    check_media,
    conversation,
    filled,
    joined,
    read_tools,
    said,
    system_messages,
)
from engine.data.pairs import Facts, RowError

_LABELS = ("label", "kto_tag")
_RESPONSES = ("completion", "response", "output")
_PROMPTS = ("prompt", "question", "instruction")
_SCORES = ("score", "rating", "reward")
_MODELS = ("model", "model_name", "generator")
_CONVERSATIONS = ("messages", "conversations")


class _Response(NamedTuple):
    prompt: str
    conversation: Conversation
    desirable: bool


class Kto(Layout):
    name = "kto"
    title = "one response a row: prompt, completion (or messages), label (KTO)"
    settings = Layout.settings | {"system"}
    text: ClassVar[frozenset[str]] = frozenset(
        (*_PROMPTS, "input", *_RESPONSES, *_CONVERSATIONS, *SYSTEMS, "tools")
    )
    known: ClassVar[frozenset[str]] = frozenset((*_LABELS, *MEDIA))
    grouped = True

    @classmethod
    def matches(cls, row: Row) -> bool:
        label = _one(row, _LABELS)
        if label is None or not isinstance(row[label], (bool, int, float, str)):
            return False
        return (_one(row, _RESPONSES) is None) != (_one(row, _CONVERSATIONS) is None)

    def key(self, row: Row) -> str:
        """The prompt. Whatever is wrong with a row is said here, so that it stays with the row."""
        response = self._response(row)
        check_conversation(response.conversation, "the completion")
        return hashlib.blake2b(response.prompt.encode(), digest_size=16).hexdigest()

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        responses = [self._response(row) for row in rows]
        found = self._pairs([response.desirable for response in responses])
        if not found:
            word = "desirable" if responses[0].desirable else "undesirable"
            raise RowError("no_rival", f"all responses to this prompt are {word}")
        return [
            Draft(
                responses[one].conversation,
                responses[other].conversation,
                _facts(rows[one], rows[other]),
                nbest.place((one, other)),
            )
            for one, other in found
        ]

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        """A flip exchanges the labels of a pair. A row is left out if all its pairs are; where two
        rows are needed elsewhere, the undesirable one."""
        if all(change.action == "keep" for change in changes):
            return list(rows)
        actions = {change.place: change.action for change in changes}
        flipped: set[int] = set()
        needed: set[int] = set()
        dropped: list[nbest.Pair] = []
        for pair in self._pairs([_desirable(row) for row in rows]):
            action = actions.get(nbest.place(pair), "keep")
            if action in ("omit", "tie"):
                dropped.append(pair)
                continue
            needed.update(pair)
            if action == "flip":
                flipped.update(pair)
        gone = {at for pair in dropped for at in pair if at not in needed}
        gone |= {other for one, other in dropped if one in needed and other in needed}
        return [
            None if at in gone else _flipped(row) if at in flipped else row
            for at, row in enumerate(rows)
        ]

    def _pairs(self, desirable: Sequence[bool]) -> list[nbest.Pair]:
        """With `best-rest` every desirable response meets every other one. Else they meet in their
        order, the shorter side again from its start, so that every response is in a pair."""
        yes = [at for at, one in enumerate(desirable) if one]
        no = [at for at, one in enumerate(desirable) if not one]
        if not yes or not no:
            return []
        if self.options.nbest == "best-rest":
            return [(one, other) for one in yes for other in no]
        count = max(len(yes), len(no))
        return [(yes[at % len(yes)], no[at % len(no)]) for at in range(count)]

    def _response(self, row: Row) -> _Response:
        check_media(row, self.options)
        ignore, tools = self.options.ignore, read_tools(row, self.options)
        names = [name for name in (*_PROMPTS, "input") if filled(row.get(name))]
        if len(names) > 1 and names != ["instruction", "input"]:
            raise RowError("contradiction", f"the row has several prompts: {', '.join(names)}")
        before: tuple[Message, ...] = ()
        if len(names) == 1:
            before = asked(row[names[0]], names[0], ignore)
        elif names:
            texts = [said(row[name], "user", name).content for name in names]
            before = (Message("user", "\n".join(texts)),)
        prompt = joined(system_messages(row, self.options), before, "the prompt")
        given = [name for name in (*_RESPONSES, *_CONVERSATIONS) if filled(row.get(name))]
        if len(given) > 1:
            raise RowError("contradiction", f"the row has several responses: {', '.join(given)}")
        name = _one(row, _RESPONSES) or _one(row, _CONVERSATIONS)
        if name is None or row[name] is None:
            raise RowError("missing_field", f"the field {name or 'completion'} is null")
        whole = conversation(prompt, row[name], name, tools, ignore)
        messages = whole.messages
        at = max((n for n, m in enumerate(messages, 1) if m.role == "user"), default=0)
        if not at:
            raise RowError("missing_field", "the row has no prompt")
        return _Response(Conversation.of(messages[:at], tools).encoded, whole, _desirable(row))


def _one(row: Row, names: Sequence[str]) -> str | None:
    return next((name for name in names if row.get(name) is not None), None)


def _desirable(row: Row) -> bool:
    name = _one(row, _LABELS) or "label"
    return read_label(row.get(name), name)


def _facts(chosen: Row, rejected: Row) -> Facts:
    """What the rows say about their own responses."""
    one, other = (number(row.get(_one(row, _SCORES) or "")) for row in (chosen, rejected))
    return Facts(None, (), one, other, text_field(chosen, _MODELS), text_field(rejected, _MODELS))


def _flipped(row: Row) -> Row:
    name = _one(row, _LABELS) or "label"
    return {**row, name: opposite(row[name])}
