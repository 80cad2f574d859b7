"""Transcripts in the hh-rlhf format, and the turns they consist of.

A transcript is a sequence of turns. Each turn starts with a marker: two newlines, `Human:` or
`Assistant:`, and a space. Without the two newlines it is not a marker: the word `Assistant:`
inside a reply is text. Any number of turns is valid, and so are two in a row by one role.
"""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

Speaker = Literal["human", "assistant"]
Problem = Literal["no_assistant_turn", "last_turn_not_assistant", "empty_response"]

HUMAN = "\n\nHuman:"
ASSISTANT = "\n\nAssistant:"

_MARKER = re.compile(r"\n\n(Human|Assistant):")
_CRLF_MARKER = re.compile(r"\r\n\r\n(?=(?:Human|Assistant):)")
_ANY_MARKER = re.compile(r"\n\r?\n(?:Human|Assistant):")
_BARE_OPENING = re.compile(r"\s*(?=(?:Human|Assistant):)")


class Turn(NamedTuple):
    """One turn: the speaker, and the text without its marker."""

    role: Speaker
    text: str


def turns(text: str) -> tuple[Turn, ...]:
    """The turns of a transcript. Text before the first marker counts as a human turn."""
    leading, *rest = _MARKER.split(text)
    result = [Turn("human", leading.strip())] if leading.strip() else []
    for speaker, text in zip(rest[::2], rest[1::2], strict=True):
        result.append(Turn("human" if speaker == "Human" else "assistant", text.removeprefix(" ")))
    return tuple(result)


def has_marker(text: str) -> bool:
    """Whether a turn with this text could not be told from several turns."""
    return _ANY_MARKER.search(text) is not None


def join(of: Iterable[Turn]) -> str:
    """Joins turns into a transcript: the inverse of `turns`, if no turn's text has a marker."""
    return "".join((HUMAN if role == "human" else ASSISTANT) + " " + text for role, text in of)


def canonical(text: str) -> str:
    """Normalises the markers of a transcript; canonical text is returned unchanged.

    Fixes a first marker without its two newlines, markers after CRLF line ends, a missing space
    after a marker, and text before the first marker.
    """
    if text.startswith((HUMAN, ASSISTANT)) and _is_tight(text):
        return text
    text = _CRLF_MARKER.sub("\n\n", text)
    if opening := _BARE_OPENING.match(text):
        text = "\n\n" + text[opening.end() :]
    return join(turns(text))


def _is_tight(text: str) -> bool:
    """Whether every marker has its space and none follows a CRLF. Counting is much faster than a
    regular expression, and this is asked of every text."""
    return "\r\n\r\n" not in text and all(
        text.count(marker) == text.count(marker + " ") for marker in (HUMAN, ASSISTANT)
    )


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
