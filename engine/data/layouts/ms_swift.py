"""ms-swift's preference rows: `messages` is the chosen side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from engine.data.cells import cell
from engine.data.conversation import Conversation, Message
from engine.data.layouts.base import Change, Draft, Layout, Row, number
from engine.data.layouts.parts import (
    MEDIA,
    SYSTEMS,
    check_media,
    filled,
    joined,
    system_messages,
    to_messages,
)
from engine.data.messages import is_message, read_messages, tools_text
from engine.data.pairs import NO_FACTS, Facts, RowError

_RESPONSE, _MESSAGES = "rejected_response", "rejected_messages"


class MsSwift(Layout):
    name = "ms-swift"
    title = "messages, and rejected_response or rejected_messages (ms-swift)"
    text: ClassVar[frozenset[str]] = frozenset(("messages", _RESPONSE, _MESSAGES, *SYSTEMS, "tools"))
    known: ClassVar[frozenset[str]] = frozenset((*MEDIA, "objects"))

    @classmethod
    def matches(cls, row: Row) -> bool:
        return "messages" in row and (_RESPONSE in row or _MESSAGES in row)

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        [row] = rows
        check_media(row)
        messages = cell(row["messages"])
        if not isinstance(messages, list):
            raise RowError("wrong_type", "messages is no list of messages")
        chosen = read_messages(messages, "messages", self.options.ignore)
        rejected = self._rejected(row, chosen)
        system, tools = system_messages(row, self.options), tools_text(row.get("tools"))
        one, other = (
            Conversation.of(joined(system, side, "the conversation"), tools)
            for side in (chosen, rejected)
        )
        margin = number(row.get(self.options.columns.margin or "margin"))
        return [Draft(one, other, NO_FACTS if margin is None else Facts(margin))]

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        [row] = rows
        match changes[0].action if changes else "keep":
            case "omit" | "tie":  # the layout has no word for a tie
                return [None]
            case "flip":
                return [_flipped(row)]
            case _:
                return [row]

    def _rejected(self, row: Row, chosen: tuple[Message, ...]) -> tuple[Message, ...]:
        ignore = self.options.ignore
        whole = cell(row.get(_MESSAGES))
        if filled(whole):
            return to_messages(whole, "assistant", _MESSAGES, ignore)
        response = row.get(_RESPONSE)
        if response is None:
            raise RowError("missing_field", f"neither {_RESPONSE} nor {_MESSAGES} is filled")
        asked = chosen[: _after_last_user([message.role for message in chosen])]
        return asked + to_messages(response, "assistant", _RESPONSE, ignore)


def _after_last_user(roles: Sequence[str]) -> int:
    """Where what answers the last user turn begins."""
    at = next((at for at in range(len(roles), 0, -1) if roles[at - 1] == "user"), None)
    if at is None:
        raise RowError("missing_field", "messages has no user turn that could be answered")
    return at


def _flipped(row: Row) -> Row:
    """The row with the other answer in `messages`, in the form that the row has."""
    if filled(row.get(_MESSAGES)):
        return {**row, "messages": row[_MESSAGES], _MESSAGES: row["messages"]}
    messages: list[Any] = cell(row["messages"])
    roles = [message.role for message in read_messages(messages, "messages")]
    at = _after_last_user(roles)
    asked, answer = messages[:at], messages[at:]
    given = cell(row[_RESPONSE])
    response: Any = answer
    if isinstance(given, str):
        new = _with_text(answer[-1], given) if answer else {"role": "assistant", "content": given}
        replaced = [new]
        if len(answer) == 1 and (text := _plain(answer[0])) is not None:
            response = text
    else:
        replaced = given if isinstance(given, list) else [given]
        if is_message(given) and len(answer) == 1:
            response = answer[0]
    return {**row, "messages": [*asked, *replaced], _RESPONSE: response}


def _text_field(message: Mapping[str, Any]) -> str:
    return next((name for name in ("content", "value", "text") if message.get(name)), "content")


def _plain(message: Mapping[str, Any]) -> str | None:
    """The text of a message that says nothing but a text."""
    [read] = read_messages([message], "messages")
    text = message.get(_text_field(message))
    return text if read.is_plain and isinstance(text, str) else None


def _with_text(message: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A message of the same keys that says this text alone."""
    role = {name: message[name] for name in ("role", "from", "speaker") if name in message}
    return {**dict.fromkeys(message), **role, _text_field(message): text}
