"""A pair's transcripts as prompt and completions, the way trainers read them.

Prompt and completion together are the transcript, character for character. Read again by
`engine.data`, a row gives the same conversation on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.data.dialogue import ASSISTANT, Turn, is_transcript, transcript, turns

Message = dict[str, str]
_NAMES = {"human": "user", "assistant": "assistant"}


class Split(NamedTuple):
    """What both sides share, and what is left of each."""

    prompt: str
    chosen: str
    rejected: str


def strings(chosen: str, rejected: str) -> Split:
    """As TRL's preference rows with an explicit prompt.

    The prompt ends with a bare "Assistant:" and a completion is the last response after its
    space. Where the sides part before the last turn, or a response could be taken for a
    transcript, a completion begins with its own marker instead.
    """
    left, right = turns(chosen), turns(rejected)
    shared = _shared(left, right)
    prompt = transcript(left[:shared])
    bare = prompt + ASSISTANT
    if shared == len(left) - 1 == len(right) - 1:
        sides = chosen[len(bare) :], rejected[len(bare) :]
        if not any(is_transcript(side) for side in sides):
            return Split(bare, *sides)
    return Split(prompt, chosen[len(prompt) :], rejected[len(prompt) :])


def labelled(text: str) -> tuple[str, str]:
    """A single conversation as prompt and completion, for KTO."""
    prompt, completion, _ = strings(text, text)
    return prompt, completion


def messages(chosen: str, rejected: str) -> tuple[list[Message], list[Message], list[Message]]:
    """As TRL's conversational preference rows: prompt, chosen, rejected."""
    left, right = turns(chosen), turns(rejected)
    shared = _shared(left, right)
    return _messages(left[:shared]), _messages(left[shared:]), _messages(right[shared:])


def _messages(of: Sequence[Turn]) -> list[Message]:
    return [{"role": _NAMES[role], "content": text} for role, text in of]


def _shared(left: Sequence[Turn], right: Sequence[Turn]) -> int:
    """How many leading turns can be a prompt; the last turn is always a completion's."""
    shared = 0
    for a, b in zip(left[:-1], right[:-1], strict=False):
        if a != b:
            break
        shared += 1
    # A completion that says its prompt again would be read as repeating it, and a prompt that
    # ends in an empty answer as waiting for one.
    if any(_plain(side[shared : 2 * shared]) == _plain(left[:shared]) for side in (left, right)):
        return 0
    if shared and left[shared - 1].role == "assistant" and not left[shared - 1].text.strip():
        return 0
    return shared


def _plain(of: Sequence[Turn]) -> list[tuple[str, str]]:
    return [(role, text.strip()) for role, text in of]
