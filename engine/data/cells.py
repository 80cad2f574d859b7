"""Texts that are a serialised value: JSON in a table's cell, or what Python printed."""

from __future__ import annotations

import ast
import re

import orjson

from engine.data.messages import ROLES, is_messages
from engine.data.pairs import RowError

# numpy separates the items of an array by line breaks, without commas.
_NUMPY_GAP = re.compile(r"(?<=\})\s*\n\s*(?=\{)")
_ROLE = "|".join(ROLES)
_PRINTED = re.compile(
    rf"\[\s*\{{[^{{}}]*?['\"](?:role|from)['\"]\s*:\s*['\"](?:{_ROLE})['\"]", re.DOTALL
)


def decoded(text: str, where: str) -> object:
    """The messages that a text holds, as JSON or as Python prints them; else the text itself.

    Raises RowError if the text begins as messages do but cannot be read: it must not be taken for
    what somebody said.
    """
    if not text.startswith("[") or not _PRINTED.match(text):
        return text
    try:
        value = orjson.loads(text)
    except ValueError:
        value = _printed(text)
    if is_messages(value):
        return value
    raise RowError(
        "wrong_type",
        f"{where} is a list of messages as Python prints it, and cannot be read back: "
        "write the data as JSON lines or Parquet",
    )


def _printed(text: str) -> object:
    try:
        return ast.literal_eval(_NUMPY_GAP.sub(", ", text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def text_list(text: str) -> list[str] | None:
    """The texts of a JSON list of texts, such as '["one", "two"]'; None for anything else."""
    if not (text.startswith("[") and text.rstrip().endswith("]")):
        return None
    try:
        value = orjson.loads(text)
    except ValueError:
        return None
    return value if value and all(isinstance(item, str) for item in value) else None
