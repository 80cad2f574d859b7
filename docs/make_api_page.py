"""Writes the tables of engine-api.md anew from the table of endpoints and the messages.

    python docs/make_api_page.py

A test compares the page with what this makes of it.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from engine.wire.endpoints import ENDPOINTS, STREAMS, Endpoint
from engine.wire.messages import Message, Nothing
from engine.wire.shapes import messages, shape

PAGE = Path(__file__).with_name("engine-api.md")


def written(page: str) -> str:
    """The page with its generated parts as they have to be."""
    for name, lines in (("endpoints", _endpoints()), ("messages", _messages())):
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        head, _, rest = page.partition(begin)
        _, _, tail = rest.partition(end)
        page = head + begin + "\n".join(lines) + "\n" + end + tail
    return page


def _endpoints() -> list[str]:
    lines = ["| request | takes | answers | |", "|---|---|---|---|"]
    lines += [_row(endpoint) for endpoint in ENDPOINTS]
    lines += [
        f"| `GET {stream.path}` | – | stream of `{shape(stream.answer)}` | {stream.meaning} |"
        for stream in STREAMS
    ]
    return lines


def _row(endpoint: Endpoint[Any, Any]) -> str:
    takes, where = "–", str(endpoint)
    if endpoint.request is not Nothing:
        takes = f"`{endpoint.request.__name__}`"
        query = [name for name in _names(endpoint) if endpoint.method == "GET"]
        where += "?" + "&".join(f"{name}=…" for name in query) if query else ""
    meaning = endpoint.meaning
    if endpoint.interruptible:
        meaning += "; stopped when its client goes away"
    return f"| `{where}` | {takes} | `{shape(endpoint.answer)}` | {meaning} |"


def _names(endpoint: Endpoint[Any, Any]) -> list[str]:
    return [name for name in endpoint.request.__struct_fields__ if name not in endpoint.in_path]


def _messages() -> list[str]:
    lines: list[str] = []
    for message in messages():
        # The records of the metric tables have a page of their own, method.md.
        if message is Nothing or not issubclass(message, Message):
            continue
        own = message.__dict__.get("__doc__")
        text = re.sub(r"\s+", " ", inspect.cleandoc(own)) if own else ""
        hints = get_type_hints(message)
        fields = [
            f"`{field.name}` {shape(hints[field.name])}{_default(field)}"
            for field in msgspec.structs.fields(message)
        ]
        lines += [f"**{message.__name__}** {text}".rstrip(), "", f"{' · '.join(fields)}", ""]
    return lines[:-1]


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    return f" = `{msgspec.json.encode(field.default).decode()}`"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
