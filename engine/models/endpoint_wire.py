"""Parses the responses of an OpenAI-compatible server: completions, model lists, errors.

The content is untrusted: every type is checked, and malformed content never raises.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any


@dataclass(frozen=True)
class Reply:
    """`cut`: stopped by the token limit. `declined`: the model or a filter refused to answer."""

    text: str
    cut: bool = False
    declined: bool = False


def completion(content: bytes) -> Reply | None:
    """The first choice of a chat completion; None if the content is not a completion."""
    choices = _object(_json(content)).get("choices")
    choice = _object(choices[0] if isinstance(choices, list) and choices else None)
    message = choice.get("message")
    if not isinstance(message, dict):
        return None
    text = message.get("content")
    if not (text is None or isinstance(text, str)):
        return None
    finish = choice.get("finish_reason")
    return Reply(
        text or "",
        cut=finish == "length",
        declined=finish == "content_filter" or isinstance(message.get("refusal"), str),
    )


def model_names(content: bytes) -> list[str] | None:
    """The models of a /models response; None if the content is not a model list."""
    rows = _object(_json(content)).get("data")
    if not isinstance(rows, list):
        return None
    names = [_object(row).get("id") for row in rows]
    return [name for name in names if isinstance(name, str)]


def error_details(content: bytes) -> tuple[str, str]:
    """The code and message of an error in any of the usual forms; else the raw content."""
    body = _object(_json(content))
    error = body.get("error", body)
    if isinstance(error, str):
        return "", error
    message = _object(error).get("message", _object(error).get("detail"))
    if isinstance(message, str):
        return str(_object(error).get("code")), message
    return "", content.decode("utf-8", "replace")


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds from a Retry-After header, which holds a number or a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
