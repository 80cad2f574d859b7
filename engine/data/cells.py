"""Texts that are a serialised value: JSON in a table's cell, or what Python and numpy print."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

import orjson

from engine.data.messages import CALLS, CONTENT, ROLES, is_message, is_messages
from engine.data.nesting import is_deep
from engine.data.pairs import MAX_CHARS, RowError

# Strings, closed or not, so that nothing inside one is changed; or the gap between two items, which
# numpy prints without a comma. Python would join two strings there.
_STRING_OR_GAP = re.compile(
    r"""'(?:[^'\\]++|\\.)*+(?:'|\\?\Z)|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)"""
    r"""|(?<=[}\])'"\w.])(?<!\.\.)(?P<gap>\s+)(?=[{\[('"\w-])""",
    re.DOTALL,
)
# A list of objects, or one object, whose first key is one of a message.
_BEGINS = re.compile(r"\s*(?:array\()?(?:\[\s*)?\{\s*['\"]\w+['\"]\s*:")
_SAYS = frozenset((*CONTENT, *CALLS))  # an object with a role alone may be an answer in JSON
_ROLE = "|".join(ROLES)
_HAS_ROLE = re.compile(rf"['\"](?:role|from|speaker)['\"]\s*:\s*['\"](?:{_ROLE})['\"]")


def decoded(text: str, where: str) -> object:
    """The messages that a text holds, as JSON or as Python prints them; else the text itself.

    Raises RowError if the text begins as messages do but cannot be read: it must not be taken for
    what somebody said.
    """
    if not _BEGINS.match(text) or not _HAS_ROLE.search(text):
        return text
    value = structure(text)
    items = value if is_messages(value) else [value] if is_message(value) else []
    if items and all(_SAYS & item.keys() for item in items):
        return value
    if value is not None:
        return text  # another value that mentions a role
    raise RowError(
        "wrong_type",
        f"{where} is a list of messages as Python prints it, and cannot be read back: "
        "write the data as JSON lines or Parquet",
    )


def structure(text: str) -> Any:
    """The list or object that a text holds, as JSON or as Python prints it; None if it is none."""
    text = text.strip()
    if not text.startswith(("[", "{")):
        return None
    try:
        value = orjson.loads(text)
    except ValueError:
        return _printed(text)
    return None if is_deep(value, text.count("[") + text.count("{")) else value


def cell(value: Any) -> Any:
    """A value that should be a list or an object, out of its cell if it is in one."""
    if isinstance(value, str) and (inner := structure(value)) is not None:
        return inner
    return value


def recelled(old: Any, value: Any) -> Any:
    """A value in place of an old one: as JSON text where the old one was text."""
    if isinstance(value, str) or not isinstance(old, str):
        return value
    return orjson.dumps(value).decode()


def text_list(text: str) -> list[str] | None:
    """The texts of a list of texts, such as '["one", "two"]'; None for anything else."""
    if not (text.startswith("[") and text.rstrip().endswith("]")):
        return None
    value = structure(text)
    is_list = isinstance(value, list) and bool(value)
    return value if is_list and all(isinstance(item, str) for item in value) else None


def _printed(text: str) -> Any:
    if len(text) > MAX_CHARS:
        return None  # such a conversation is too long anyway, and Python needs much memory for it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler, about unknown escapes
            value = ast.literal_eval(_STRING_OR_GAP.sub(_with_comma, text))
        orjson.dumps(value)  # nothing that JSON has not
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, (list, dict)) else None


def _with_comma(match: re.Match[str]) -> str:
    return match[0] if match["gap"] is None else ", "
