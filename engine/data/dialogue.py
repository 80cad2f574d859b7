"""Transcripts in the hh-rlhf format, and the turns they consist of.

A transcript is a sequence of turns. Each turn starts with a marker: two newlines, `Human:` or
`Assistant:`, and a space. Without the two newlines it is not a marker: the word `Assistant:`
inside a reply is text. Any number of turns is valid, and so are two in a row by one role.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

Role = Literal["human", "assistant"]
Problem = Literal["no_assistant_turn", "last_turn_not_assistant", "empty_response"]

HUMAN = "\n\nHuman:"
ASSISTANT = "\n\nAssistant:"

_MARKER = re.compile(r"\n\n(Human|Assistant):")
_EMBEDDED = re.compile(r"\n{2,}(?=(?:Human|Assistant):)")
_CRLF_MARKER = re.compile(r"\r\n\r\n(?=(?:Human|Assistant):)")
# What makes a text non-canonical, apart from how it starts.
_LOOSE = re.compile(r"\r\n\r\n(?:Human|Assistant):|\n\n(?:Human|Assistant):(?! )")
_BARE_OPENING = re.compile(r"\s*(?=(?:Human|Assistant):)")

_ROLES: dict[str, Role] = {
    "user": "human",
    "human": "human",
    "system": "human",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
}


class Turn(NamedTuple):
    """One turn: the speaker, and the text without its marker."""

    role: Role
    text: str


class Dialogue(NamedTuple):
    """A transcript split before its last turn.

    `context` is everything before the last turn's marker, unchanged. `response` is the text of
    the last turn, stripped.
    """

    context: str
    response: str


def turns(text: str) -> tuple[Turn, ...]:
    """The turns of a transcript. Text before the first marker counts as a human turn."""
    leading, *rest = _MARKER.split(text)
    result = [Turn("human", leading.strip())] if leading.strip() else []
    for speaker, text in zip(rest[::2], rest[1::2], strict=True):
        result.append(Turn("human" if speaker == "Human" else "assistant", text.removeprefix(" ")))
    return tuple(result)


def shared_turns(left: Sequence[object], right: Sequence[object]) -> int:
    """How many turns two conversations begin with alike. The last turn of either is its response
    and never counts, even where the two are equal."""
    shared = 0
    for one, other in zip(left[:-1], right[:-1], strict=False):
        if one != other:
            break
        shared += 1
    return shared


def transcript(of: Iterable[Turn]) -> str:
    """Joins turns into a transcript: the inverse of `turns` for canonical text.

    Where a turn's text contains a marker, the newlines before it are reduced to one, so that
    no text can pose as a turn.
    """
    return "".join(
        (HUMAN if role == "human" else ASSISTANT) + " " + _EMBEDDED.sub("\n", text)
        for role, text in of
    )


def canonical(text: str) -> str:
    """Normalises the markers of a transcript; canonical text is returned unchanged.

    Fixes a first marker without its two newlines, markers after CRLF line ends, a missing space
    after a marker, and text before the first marker.
    """
    if text.startswith((HUMAN, ASSISTANT)) and not _LOOSE.search(text):
        return text
    text = _CRLF_MARKER.sub("\n\n", text)
    if opening := _BARE_OPENING.match(text):
        text = "\n\n" + text[opening.end() :]
    return transcript(turns(text))


def is_transcript(text: str) -> bool:
    """Whether the text starts with a turn marker, ignoring leading white space."""
    return _BARE_OPENING.match(text) is not None


def problem(text: str) -> Problem | None:
    """Why this transcript has no response to evaluate, or None if it has one."""
    last = text.rfind(ASSISTANT)
    if last < 0:
        return "no_assistant_turn"
    if text.rfind(HUMAN) > last:
        return "last_turn_not_assistant"
    if not text[last + len(ASSISTANT) :].strip():
        return "empty_response"
    return None


def split_response(text: str) -> Dialogue:
    """Splits off the last assistant turn, which may be empty.

    Raises ValueError with the name of the problem if the last turn is not the assistant's.
    """
    reason = problem(text)
    if reason in ("no_assistant_turn", "last_turn_not_assistant"):
        raise ValueError(reason)
    last = text.rfind(ASSISTANT)
    return Dialogue(text[:last], text[last + len(ASSISTANT) :].strip())


def from_messages(messages: Iterable[object]) -> tuple[Turn, ...]:
    """Converts chat messages to turns: `{role, content}`, or ShareGPT's `{from, value}`.

    Transcripts have no system role, so a system prompt becomes a separate human turn in the same
    position: the reward model still sees it, and no texts are merged. The content may be a string
    or a list of text parts. Raises ValueError for anything else.
    """
    return tuple(_turn(number, message) for number, message in enumerate(messages, 1))


def _turn(number: int, message: object) -> Turn:
    if not isinstance(message, Mapping):
        raise ValueError(f"message {number}: expected an object, got {type(message).__name__}")
    name = message.get("role", message.get("from"))
    role = _ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        raise ValueError(f"message {number} has an unknown role: {str(name)[:40]!r}")
    return Turn(role, _content(number, message.get("content", message.get("value"))))


def _content(number: int, content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, Mapping)]
        if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
            return "".join(str(text) for text in texts)
    raise ValueError(f"message {number} has no text content")
