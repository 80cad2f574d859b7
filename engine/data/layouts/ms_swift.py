"""ms-swift's preference rows: `messages` is the chosen side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from engine.data.cells import cell, decoded, recelled
from engine.data.conversation import Conversation, Message
from engine.data.layouts.base import Draft, Layout, Row, number
from engine.data.layouts.parts import (
    MEDIA,
    SYSTEMS,
    check_media,
    filled,
    joined,
    read_tools,
    system_messages,
    to_messages,
)
from engine.data.layouts.single import Single
from engine.data.messages import CALLS, CONTENT, THINKING, is_call, read_message, read_messages
from engine.data.pairs import NO_FACTS, Facts, RowError

_RESPONSE, _MESSAGES = "rejected_response", "rejected_messages"


class MsSwift(Single):
    name = "ms-swift"
    title = "messages, and rejected_response or rejected_messages (ms-swift)"
    settings = Layout.settings | {"system", "margin"}
    text: ClassVar[frozenset[str]] = frozenset(
        ("messages", _RESPONSE, _MESSAGES, *SYSTEMS, "tools")
    )
    known: ClassVar[frozenset[str]] = frozenset((*MEDIA, "objects"))

    @classmethod
    def matches(cls, row: Row) -> bool:
        return "messages" in row and (_RESPONSE in row or _MESSAGES in row)

    def pair(self, row: Row) -> Draft:
        check_media(row, self.options)
        messages = cell(row["messages"])
        if not isinstance(messages, list):
            raise RowError("wrong_type", "messages is no list of messages")
        chosen = read_messages(messages, "messages", self.options.ignore)
        rejected = self._rejected(row, chosen)
        system, tools = system_messages(row, self.options), read_tools(row, self.options)
        one, other = (
            Conversation.of(joined(system, side, "the conversation"), tools)
            for side in (chosen, rejected)
        )
        margin = number(row.get(self.options.columns.margin or "margin"))
        return Draft(one, other, NO_FACTS if margin is None else Facts(margin))

    def flipped(self, row: Row) -> Row:
        """The row with the other answer in `messages`, in the form that the row has."""
        if filled(row.get(_MESSAGES)):
            return {**row, "messages": row[_MESSAGES], _MESSAGES: row["messages"]}
        messages, given = cell(row["messages"]), row[_RESPONSE]
        if isinstance(given, str):
            given = decoded(given, _RESPONSE)  # a text may be JSON and no message
        read = [read_message(item, "messages", self.options.ignore) for item in messages]
        at = _after_last_user([message.role for message in read])
        asked, answer = messages[:at], messages[at:]
        response: Any = answer
        if isinstance(given, str):
            new = [_with_text(answer[-1], given)]
            if len(answer) == 1 and read[at].is_plain:
                response = read[at].content
        else:
            new = given if isinstance(given, list) else [given]
            if len(answer) == 1 and not isinstance(given, list):
                [response] = answer
        messages = recelled(row["messages"], [*asked, *new])
        return {**row, "messages": messages, _RESPONSE: recelled(row[_RESPONSE], response)}

    def _rejected(self, row: Row, chosen: tuple[Message, ...]) -> tuple[Message, ...]:
        ignore = self.options.ignore
        whole = cell(row.get(_MESSAGES))
        if filled(whole):
            if filled(row.get(_RESPONSE)):
                raise RowError("contradiction", f"both {_MESSAGES} and {_RESPONSE} are filled")
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


def _with_text(message: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A message of the same keys that says this text alone."""
    field = next((name for name in CONTENT if message.get(name)), CONTENT[0])
    new = {**message, **dict.fromkeys({*THINKING, *CALLS} & message.keys()), field: text}
    if is_call(message):  # which would make the text a call
        new["from" if "from" in message else "role"] = "gpt" if "from" in message else "assistant"
    return new
