"""A conversation: a list of messages with their real roles, and the tools it was given.

A conversation is stored, compared and passed to workers in its encoded form, one string. Where it
consists of plain user and assistant messages, that is its hh-rlhf transcript, so a transcript that
is read from a file is kept byte for byte, and never parsed unless somebody asks for its messages.
Any other conversation is encoded as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from engine.data import transcript
from engine.data.transcript import ASSISTANT, Turn
from engine.wire.messages import Role

Problem = Literal["no_assistant_turn", "last_turn_not_assistant", "empty_response"]


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message. `tool_calls` is a JSON list as the row has it (arguments may be an object or
    JSON text); `call_id` is the call that a tool message answers."""

    role: Role
    content: str = ""
    thinking: str = ""
    tool_calls: str = ""
    name: str = ""
    call_id: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether role and content say everything."""
        return not (self.thinking or self.tool_calls or self.name or self.call_id)


class _Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """The encoded form of a conversation that no transcript can hold."""

    messages: tuple[Message, ...]
    tools: str = ""


_DECODER = msgspec.json.Decoder(_Content)
_JSON = '{"messages":'
_SPEAKERS: dict[str, str] = {
    "system": "System",
    "developer": "Developer",
    "user": "Human",
    "assistant": "Assistant",
    "tool": "Tool",
}
_SPEAKER = re.compile(rf"\n\n({'|'.join(_SPEAKERS.values())}):")
_POSING = re.compile(rf"\n\r?\n(?=(?:{'|'.join(_SPEAKERS.values())}):)")


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation in its encoded form. Equal conversations have equal encoded forms."""

    encoded: str

    @staticmethod
    def of(messages: Iterable[Message], tools: str = "") -> Conversation:
        """Encodes messages. `tools` is a JSON list of tool descriptions, or empty."""
        messages = tuple(messages)
        if not tools and (text := _as_transcript(messages)) is not None:
            return Conversation(text)
        return Conversation(msgspec.json.encode(_Content(messages, tools)).decode())

    @staticmethod
    def of_transcript(text: str) -> Conversation:
        """A transcript in the hh-rlhf format, whose markers are normalised."""
        return Conversation(transcript.canonical(text))

    @property
    def is_transcript(self) -> bool:
        """Whether the encoded form is a transcript."""
        return not self.encoded.startswith(_JSON)

    @property
    def messages(self) -> tuple[Message, ...]:
        """Parsed anew each time."""
        if self.is_transcript:
            return _messages(self.encoded)
        return self._content().messages

    @property
    def tools(self) -> str:
        """The tools as a JSON list; empty if there are none."""
        return "" if self.is_transcript else self._content().tools

    @property
    def transcript(self) -> str:
        """The conversation as one text: the hh-rlhf format, with further speakers where needed."""
        return self.encoded if self.is_transcript else render(self.messages)

    def split(self) -> tuple[str, str]:
        """(context, response): the transcript before the last message; what that message says.

        Only for a conversation without a `problem` other than an empty response.
        """
        if self.is_transcript:
            last = self.encoded.rfind(ASSISTANT)
            return self.encoded[:last], self.encoded[last + len(ASSISTANT) :].strip()
        *before, last_message = self.messages
        return render(before), (last_message.content or called(last_message)).strip()

    @property
    def problem(self) -> Problem | None:
        """Why there is no response to evaluate, or None if there is one."""
        if self.is_transcript:
            return transcript.problem(self.encoded)
        messages = self.messages
        if all(message.role != "assistant" for message in messages):
            return "no_assistant_turn"
        last = messages[-1]
        if last.role != "assistant":
            return "last_turn_not_assistant"
        return None if last.content.strip() or last.tool_calls else "empty_response"

    def with_response(self, text: str) -> Conversation:
        """The same conversation with another text in its last message."""
        *before, last = self.messages
        new = msgspec.structs.replace(last, content=text)
        return Conversation.of((*before, new), self.tools)

    def rewritten(self, text: str) -> Conversation | None:
        """The same conversation, its transcript rewritten to this text; None if the turns differ.

        Only what the user and the assistant said is taken from the text.
        """
        if self.is_transcript:
            new = Conversation.of_transcript(text)
            return None if new.problem else new
        messages, turns = self.messages, speeches(text)
        if [_SPEAKERS[message.role] for message in messages] != [speaker for speaker, _ in turns]:
            return None
        return Conversation.of(
            (
                msgspec.structs.replace(message, content=said)
                if message.role in ("user", "assistant") and message.is_plain
                else message
                for message, (_, said) in zip(messages, turns, strict=True)
            ),
            self.tools,
        )

    def _content(self) -> _Content:
        return _DECODER.decode(self.encoded)


def _messages(text: str) -> tuple[Message, ...]:
    return tuple(
        Message("user" if turn.role == "human" else "assistant", turn.text)
        for turn in transcript.turns(text)
    )


def _as_transcript(messages: Sequence[Message]) -> str | None:
    """The transcript of these messages if it holds all of them, unambiguously."""
    turns = []
    for message in messages:
        if message.role not in ("user", "assistant") or not message.is_plain:
            return None
        if transcript.has_marker(message.content):
            return None
        turns.append(Turn("human" if message.role == "user" else "assistant", message.content))
    return transcript.join(turns)


def render(messages: Iterable[Message]) -> str:
    """Messages as a text for models that read no messages: every message follows its speaker."""
    return "".join(f"\n\n{_SPEAKERS[message.role]}: {spoken(message)}" for message in messages)


def speeches(text: str) -> list[tuple[str, str]]:
    """(speaker, text) of every message in a text made by `render`."""
    _, *parts = _SPEAKER.split(text)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [(speaker, said.removeprefix(" ")) for speaker, said in pairs]


def one_speech(text: str) -> str:
    """The text, where no part of it could be taken for another message: one newline is left before
    what looks like a speaker."""
    return _POSING.sub("\n", text)


def spoken(message: Message) -> str:
    """A message as one text: what was thought, said and called."""
    thought = f"<think>\n{message.thinking}\n</think>\n\n" if message.thinking else ""
    parts = [part for part in (message.content, called(message)) if part]
    return thought + "\n".join(parts)


def called(message: Message) -> str:
    """The tool calls of a message, one per line; empty if there are none."""
    return "\n".join(json.dumps(call, ensure_ascii=False) for call in tool_calls(message))


def tool_calls(message: Message) -> list[Any]:
    """The tool calls of a message as the row has them."""
    return json.loads(message.tool_calls) if message.tool_calls else []


def shared_messages(left: Sequence[object], right: Sequence[object]) -> int:
    """How many messages two conversations begin with alike. The last message of either is its
    response and never counts, even where the two are equal."""
    shared = 0
    for one, other in zip(left[:-1], right[:-1], strict=False):
        if one != other:
            break
        shared += 1
    return shared
