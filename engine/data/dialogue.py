"""Transcripts in the hh-rlhf form and the turns they are made of.

A transcript is turns one after another, each introduced by a marker: two newlines, `Human:` or
`Assistant:`, and a space. Only the two newlines make a marker: the word `Assistant:` inside a
reply is text. Two turns of one role in a row, and any number of turns, are fine.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Role = Literal["human", "assistant"]
Problem = Literal["no_assistant_turn", "last_turn_not_assistant", "empty_response"]

HUMAN = "\n\nHuman:"
ASSISTANT = "\n\nAssistant:"

_MARKER = re.compile(r"\n\n(Human|Assistant):")
_EMBEDDED = re.compile(r"\n{2,}(?=(?:Human|Assistant):)")
_CRLF_MARKER = re.compile(r"\r\n\r\n(?=(?:Human|Assistant):)")
# Anything that keeps a text from being canonical, its opening apart.
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
    """One turn: who speaks, and the text without its marker."""

    role: Role
    text: str


class Dialogue(NamedTuple):
    """A transcript cut before its last turn.

    `context` is the text before the last turn's marker, with its own markers, as it stood.
    `response` is the last turn's text, stripped. `turns` holds all turns, the last included.
    """

    context: str
    response: str
    turns: tuple[Turn, ...]


def turns(text: str) -> tuple[Turn, ...]:
    """The turns of a transcript. Text before the first marker counts as a human turn."""
    leading, *rest = _MARKER.split(text)
    found = [Turn("human", leading.strip())] if leading.strip() else []
    for word, body in zip(rest[::2], rest[1::2], strict=True):
        found.append(Turn("human" if word == "Human" else "assistant", body.removeprefix(" ")))
    return tuple(found)


def transcript(of: Iterable[Turn]) -> str:
    """The transcript of these turns: the inverse of `turns` on canonical text.

    A marker inside a turn's text loses all but one of its newlines, so that no text can
    pass itself off as a turn.
    """
    return "".join(
        (HUMAN if role == "human" else ASSISTANT) + " " + _EMBEDDED.sub("\n", text)
        for role, text in of
    )


def canonical(text: str) -> str:
    """The text with every marker in its one true form; canonical text comes back as it is.

    Mended are: an opening `Human:` without its two newlines, markers after CRLF line ends, no
    space after a marker, and text before the first marker.
    """
    if text.startswith((HUMAN, ASSISTANT)) and not _LOOSE.search(text):
        return text
    text = _CRLF_MARKER.sub("\n\n", text)
    if opening := _BARE_OPENING.match(text):
        text = "\n\n" + text[opening.end() :]
    return transcript(turns(text))


def is_transcript(text: str) -> bool:
    """Whether the text opens with a turn marker, its leading blank space apart."""
    return _BARE_OPENING.match(text) is not None


def problem(text: str) -> Problem | None:
    """Why this transcript has no response to judge, or None where it has one."""
    last = text.rfind(ASSISTANT)
    if last < 0:
        return "no_assistant_turn"
    if text.rfind(HUMAN) > last:
        return "last_turn_not_assistant"
    if not text[last + len(ASSISTANT) :].strip():
        return "empty_response"
    return None


def split_response(text: str) -> Dialogue:
    """The last assistant turn and what comes before it; an empty response is let through.

    Raises ValueError with the problem's name where the last turn is not the assistant's.
    """
    found = problem(text)
    if found in ("no_assistant_turn", "last_turn_not_assistant"):
        raise ValueError(found)
    last = text.rfind(ASSISTANT)
    return Dialogue(text[:last], text[last + len(ASSISTANT) :].strip(), turns(text))


def from_messages(messages: Iterable[object]) -> tuple[Turn, ...]:
    """Turns from chat messages: `{role, content}`, or `{from, value}` as ShareGPT has it.

    The transcript form has no place for a system prompt, so it becomes a human turn of its own
    where it stood: a reward model then sees it, and no text is lost or glued together. Content
    may be a string or a list of text parts. Raises ValueError for anything else.
    """
    return tuple(_turn(number, message) for number, message in enumerate(messages, 1))


def _turn(number: int, message: object) -> Turn:
    if not isinstance(message, Mapping):
        raise ValueError(f"message {number} is {type(message).__name__}, not an object")
    name = message.get("role", message.get("from"))
    role = _ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        raise ValueError(f"message {number} has the unknown role {str(name)[:40]!r}")
    return Turn(role, _content(number, message.get("content", message.get("value"))))


def _content(number: int, content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, Mapping)]
        if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
            return "".join(str(text) for text in texts)
    raise ValueError(f"message {number} has no text content")
