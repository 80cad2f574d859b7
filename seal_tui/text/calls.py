"""Tool calls in short: the name and the arguments, whatever form a row has them in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def call(text: str) -> str:
    """`look_up {"city": "Bern"}` of a call as JSON; the text itself if it is none. Untrusted."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if not isinstance(value, Mapping):
        return text
    function = value.get("function")
    if not isinstance(function, Mapping):
        function = value
    name = function.get("name")
    if not isinstance(name, str):
        return text
    return f"{name} {_arguments(function.get('arguments'))}".rstrip()


def calls(text: str) -> list[str]:
    """The calls of a JSON list of them, each in short."""
    try:
        values = json.loads(text) if text else []
    except ValueError:
        return [text]
    return [call(json.dumps(value, ensure_ascii=False)) for value in values]


def _arguments(value: Any) -> str:
    if value in (None, {}, ""):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
