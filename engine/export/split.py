"""Splits the conversations of a pair into a prompt and two completions.

`engine.data` reads a row of either form back as the same two conversations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.data.conversation import Conversation, Message, shared_messages, tool_calls
from engine.data.layouts.parts import conversation
from engine.data.pairs import RowError, Unused
from engine.data.transcript import ASSISTANT, is_transcript


class Split(NamedTuple):
    """The shared start of both sides, and the rest of each."""

    prompt: str
    chosen: str
    rejected: str


class Turns(NamedTuple):
    """The same as messages."""

    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]


def strings(chosen: Conversation, rejected: Conversation) -> Split:
    """The strings of a TRL preference row with explicit prompt. Prompt and completion concatenated
    are the transcript, character for character.

    The prompt ends with a bare "Assistant:", and a completion is the last response, from the space
    before it. If the sides differ before their last turn, or a response could be mistaken for a
    transcript, a completion starts with its own marker instead.
    """
    left = chosen.messages
    right = left if rejected == chosen else rejected.messages
    shared = _shared(left, right)
    if all(message.role != "user" for message in left[:shared]):
        shared = 0  # a reader of strings wants a question in a prompt
    prompt = Conversation.of(left[:shared]).transcript
    bare = prompt + ASSISTANT
    one, other = chosen.transcript, rejected.transcript
    if shared and shared == len(left) - 1 == len(right) - 1:
        sides = one[len(bare) :], other[len(bare) :]
        if not any(is_transcript(side) for side in sides):
            return Split(bare, *sides)
    return Split(prompt, one[len(prompt) :], other[len(prompt) :])


def labelled(conversation: Conversation) -> tuple[str, str]:
    """One conversation as prompt and completion, for KTO."""
    prompt, completion, _ = strings(conversation, conversation)
    return prompt, completion


def messages(chosen: Conversation, rejected: Conversation) -> Turns:
    """The messages of a conversational TRL preference row with explicit prompt."""
    left, right = chosen.messages, rejected.messages
    shared = _shared(left, right)
    return Turns(left[:shared], left[shared:], right[shared:])


def as_rows(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as chat datasets have them."""
    return [as_row(message) for message in messages]


def as_row(message: Message) -> dict[str, Any]:
    """A message as chat datasets have it; fields without content are left out."""
    fields = {
        "role": message.role,
        "content": message.content,
        "thinking": message.thinking,
        "tool_calls": tool_calls(message),
        "name": message.name,
        "tool_call_id": message.call_id,
    }
    return {name: value for name, value in fields.items() if value or name in ("role", "content")}


def _shared(left: Sequence[Message], right: Sequence[Message]) -> int:
    """How many leading messages form the prompt; the last one always belongs to a completion."""
    shared = shared_messages(left, right)
    while shared and not all(_rejoins(side[:shared], side[shared:]) for side in (left, right)):
        shared -= 1
    return shared


def _rejoins(prompt: Sequence[Message], rest: Sequence[Message]) -> bool:
    """Whether the reader, which looks for a completion that repeats the prompt, makes the same
    conversation of the two again."""
    if prompt[-1].role == "user" and len(rest) == 1 and rest[0].role == "assistant":
        return True  # nothing repeats; the check below is slow
    try:
        read = conversation(prompt, as_rows(rest), "the completion")
    except (RowError, Unused):
        return False
    return _plain(read.messages) == _plain((*prompt, *rest))


def _plain(of: Sequence[Message]) -> list[tuple[str, str]]:
    return [(message.role, message.content.strip()) for message in of]
