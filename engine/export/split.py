"""Splits the transcripts of a pair into a prompt and two completions.

Prompt and completion concatenated are the transcript, character for character. `engine.data`
reads a row back as the same two conversations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.data.dialogue import ASSISTANT, Turn, is_transcript, shared_turns, transcript, turns

Message = dict[str, str]
_NAMES = {"human": "user", "assistant": "assistant"}


class Split(NamedTuple):
    """The shared start of both sides, and the rest of each."""

    prompt: str
    chosen: str
    rejected: str


def strings(chosen: str, rejected: str) -> Split:
    """The strings of a TRL preference row with explicit prompt.

    The prompt ends with a bare "Assistant:", and a completion is the last response, from the space
    before it. If the sides differ before their last turn, or a response could be mistaken for a
    transcript, a completion starts with its own marker instead.
    """
    left = turns(chosen)
    right = left if rejected == chosen else turns(rejected)
    shared = _shared(left, right)
    prompt = transcript(left[:shared])
    bare = prompt + ASSISTANT
    if shared == len(left) - 1 == len(right) - 1:
        sides = chosen[len(bare) :], rejected[len(bare) :]
        if not any(is_transcript(side) for side in sides):
            return Split(bare, *sides)
    return Split(prompt, chosen[len(prompt) :], rejected[len(prompt) :])


def labelled(text: str) -> tuple[str, str]:
    """One conversation as prompt and completion, for KTO."""
    prompt, completion, _ = strings(text, text)
    return prompt, completion


def messages(chosen: str, rejected: str) -> tuple[list[Message], list[Message], list[Message]]:
    """The message lists of a conversational TRL preference row: prompt, chosen, rejected."""
    left, right = turns(chosen), turns(rejected)
    shared = _shared(left, right)
    return _messages(left[:shared]), _messages(left[shared:]), _messages(right[shared:])


def _messages(of: Sequence[Turn]) -> list[Message]:
    return [{"role": _NAMES[role], "content": text} for role, text in of]


def _shared(left: Sequence[Turn], right: Sequence[Turn]) -> int:
    """How many leading turns form the prompt; the last turn always belongs to a completion."""
    shared = shared_turns(left, right)
    # The reader would take a completion that repeats the prompt for a full conversation, and
    # would drop an empty answer at the end of a prompt.
    if any(_plain(side[shared : 2 * shared]) == _plain(left[:shared]) for side in (left, right)):
        return 0
    if shared and left[shared - 1].role == "assistant" and not left[shared - 1].text.strip():
        return 0
    return shared


def _plain(of: Sequence[Turn]) -> list[tuple[str, str]]:
    return [(role, text.strip()) for role, text in of]
