"""Conversations as a model's chat template reads them.

A template is given the messages as they are. What it refuses is not bent to fit: the conversation
has no text for this model, and the reason says which choice of the study would give it one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from engine.data.conversation import Conversation, Message, tool_calls
from engine.errors import BadInput
from engine.models import rendering

_SUBJECT = "the chat template of the reward model"
# The day of templates that write the date: a reward must not depend on the day it is computed.
# It is the one that the templates of Llama 3 fall back to.
_DAY = datetime(2024, 7, 26)
_TODAY = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
_MOST_LATE = 5  # conversations for which a template may take too long before it is given up
_UNLIKELY = 20  # a text of this length does not stand in another message by chance
_FOLD = "fold_system = true puts it into the first user turn"
_MERGE = "merge_turns = true joins them"


@dataclass(frozen=True)
class Chat:
    """A conversation to be rendered; `tools` is a JSON list, or empty."""

    messages: tuple[Message, ...]
    tools: str = ""

    def of(self, messages: Sequence[Message]) -> Chat:
        """Other messages with the same tools."""
        return Chat(tuple(messages), self.tools)


def as_dict(message: Message) -> dict[str, Any]:
    """A message under the names that chat templates read. Templates differ in what they call the
    thinking, so it has both names."""
    content: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.thinking:
        content |= {"thinking": message.thinking, "reasoning_content": message.thinking}
    if message.tool_calls:
        content["tool_calls"] = tool_calls(message)
    if message.name:
        content["name"] = message.name
    if message.call_id:
        content["tool_call_id"] = message.call_id
    return content


def fold_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """System and developer messages at the beginning become the beginning of the first user
    message, with an empty line between them."""
    head = leading(messages)
    rest = list(messages[head:])
    at = next((i for i, message in enumerate(rest) if message.role == "user"), None)
    if not head or at is None:
        return tuple(messages)
    said = [message.content for message in (*messages[:head], rest[at])]
    rest[at] = msgspec.structs.replace(rest[at], content="\n\n".join(said))
    return tuple(rest)


def leading(messages: Sequence[Message]) -> int:
    """How many system and developer messages are at the beginning."""
    roles = [message.role for message in messages]
    return next(
        (i for i, role in enumerate(roles) if role not in ("system", "developer")), len(roles)
    )


def merge_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Neighbouring messages of one role become one, with an empty line between them. Answers of
    tools stay apart, and so does what follows a tool call."""
    merged: list[Message] = []
    for message in messages:
        if merged and _joinable(merged[-1], message):
            last = merged.pop()
            message = msgspec.structs.replace(
                message,
                content=_joined(last.content, message.content),
                thinking=_joined(last.thinking, message.thinking),
            )
        merged.append(message)
    return tuple(merged)


def _joinable(last: Message, message: Message) -> bool:
    same = (last.role, last.name) == (message.role, message.name)
    return same and message.role != "tool" and not last.tool_calls


def _joined(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)


class Template:
    """The chat template of the model `name`, rendered within the limits of `rendering`."""

    def __init__(self, name: str, tokenizer: Any) -> None:
        self._name = name
        self._late = 0
        template = tokenizer.chat_template
        tokenizer.chat_template = (
            {name: _dated(text) for name, text in template.items()}
            if isinstance(template, dict)
            else _dated(template)
        )
        self._tokenizer = tokenizer

    def check(self) -> None:
        """Raises BadInput if a plain question and answer cannot be rendered, and MachineError if
        nothing can."""
        try:
            self._render(Chat((Message("user", "hello"), Message("assistant", "hi"))))
        except rendering.Refused as error:
            raise BadInput(
                f"the chat template of {self._name} cannot render a question and its answer: "
                f"repair chat_template in its tokenizer settings ({error})"
            ) from None

    def render(self, chat: Chat) -> str | None:
        """The text that the model reads; None if the template refuses these messages.

        Raises TooMuch if it takes too much time or room for them, and BadInput if it did so for
        several conversations.
        """
        try:
            return self._render(chat)
        except rendering.Refused:
            return None
        except rendering.TooMuch as error:
            self._late += 1
            if self._late < _MOST_LATE:
                raise
            raise BadInput(f"{error} (so for {self._late} conversations)") from None

    def _render(self, chat: Chat) -> str:
        messages = [as_dict(message) for message in chat.messages]
        tools = json.loads(chat.tools) if chat.tools else None
        return rendering.render(self._name, self._tokenizer, messages, tools)

    def tokenize(self, text: str) -> dict[str, list[int]]:
        """The tokens of a rendered text. The template has written all special ones."""
        return dict(self._tokenizer(text, add_special_tokens=False))

    # ------------------------------------------------------------ reasons

    def lost(self, chat: Chat, text: str) -> str | None:
        """What the template has silently left out of this text, as a reason; None if nothing that
        the reward is about."""
        for at, message in enumerate(chat.messages):
            said = message.content.strip()
            if message.role in ("user", "assistant") or not said:
                continue
            if len(said) > _UNLIKELY and said in text:
                continue
            other = msgspec.structs.replace(message, content=f"{message.content} etc.")
            changed = (*chat.messages[:at], other, *chat.messages[at + 1 :])
            if self.render(chat.of(changed)) == text:
                advice = f" ({_FOLD})" if message.role == "system" else ""
                return f"{_SUBJECT} leaves out {message.role} messages{advice}"
        last = chat.messages[-1]
        if last.tool_calls and not last.content.strip():
            bare = msgspec.structs.replace(last, tool_calls="")
            if self.render(chat.of((*chat.messages[:-1], bare))) == text:
                return f"{_SUBJECT} leaves out tool calls, and this response consists of them"
        return None

    def reason(self, chat: Chat) -> str:
        """Why the template refuses these messages: what it would accept in their place."""
        folded = chat.of(fold_system(chat.messages))
        merged = chat.of(merge_turns(chat.messages))
        role = chat.messages[0].role
        if folded != chat and self.render(folded) is not None:
            return f"{_SUBJECT} refuses a {role} message ({_FOLD})"
        if merged != chat and self.render(merged) is not None:
            return f"{_SUBJECT} refuses two turns of one role in a row ({_MERGE})"
        both = chat.of(merge_turns(folded.messages))
        if both not in (folded, merged) and self.render(both) is not None:
            return (
                f"{_SUBJECT} refuses a {role} message, and two turns of one role in a row "
                f"({_FOLD}, and {_MERGE})"
            )
        if chat.tools and self.render(Chat(chat.messages)) is not None:
            return f"{_SUBJECT} refuses these tools"
        return f"{_SUBJECT} {self._refused(chat)}"

    def _refused(self, chat: Chat) -> str:
        question, answer = Message("user", "hello"), Message("assistant", "hi")
        for role in ("system", "developer", "tool"):
            if any(message.role == role for message in chat.messages):
                probe = Message(role, "hello")
                around = (question, answer, probe) if role == "tool" else (probe, question)
                if self.render(chat.of((*around, answer))) is None:
                    return f"refuses {role} messages"
        if any(message.tool_calls for message in chat.messages):
            bare = (msgspec.structs.replace(message, tool_calls="") for message in chat.messages)
            if self.render(chat.of(tuple(bare))) is not None:
                return "refuses these tool calls"
        first = chat.messages[leading(chat.messages) :][:1]
        if any(message.role != "user" for message in first):
            return "refuses a conversation that the user does not begin"
        return "cannot render this conversation"


def _dated(template: Any) -> Any:
    if not isinstance(template, str):  # refused when it is to be rendered
        return template
    return _TODAY.sub(lambda call: json.dumps(_DAY.strftime(call[2])), template)


def prepared(conversation: Conversation, merge: bool, fold: bool) -> Chat:
    """The messages of a conversation with the study's choices applied, the system text first."""
    messages = conversation.messages
    if fold:
        messages = fold_system(messages)
    if merge:
        messages = merge_turns(messages)
    return Chat(messages, conversation.tools)
