"""The first row of a study's data as `seal-tui doctor` prints it: turn by turn, as understood."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seal_tui.text import numbers
from seal_tui.text.calls import calls
from seal_tui.text.safe import Safe, one_line, plain

_INDENT = " " * 5
_NAME = 15
_WIDTH = 100
_LONGEST = 600  # characters of a message that are printed


def lines(row: Mapping[str, Any]) -> Iterator[Safe]:
    """The row of the check `data`; nothing in it is trusted."""
    where = f"line {row['line']} of {row['file']}"
    of = [f"{name} {row[name]}" for name in ("topic", "group") if row[name] is not None]
    yield _entry("first pair", one_line(" · ".join((f"pair {row['id']}", where, *of))))
    yield from _turns(row["context"])
    for side in ("chosen", "rejected"):
        yield _entry(f"{side}:", Safe(""))
        yield from _turns(row[side])
    if row["tools"]:
        yield from _text("tools", row["tools"])
    facts = _facts(row["facts"])
    if facts:
        yield _entry("the data says", one_line(" · ".join(facts)))
    if row["extras"]:
        said = " · ".join(f"{name} {value}" for name, value in row["extras"].items())
        yield from _text("columns", said)
    if row["not_read"]:
        yield _entry("not read", one_line(", ".join(row["not_read"])))


def _turns(messages: Sequence[Mapping[str, str]]) -> Iterator[Safe]:
    for message in messages:
        name = f"{message['role']} {message.get('name', '')}".strip()
        thought = message.get("thinking", "")
        parts = [f"[thinking]\n{thought}\n[answer]" if thought else "", message.get("content", "")]
        parts += [f"[call] {one}" for one in calls(message.get("tool_calls", ""))]
        yield from _text(name, "\n".join(part for part in parts if part) or "(empty)")


def _text(name: str, text: str) -> Iterator[Safe]:
    cut = text[:_LONGEST]
    more = f" … ({numbers.count(len(text))} characters)" if len(text) > _LONGEST else ""
    wrapped: list[str] = []
    for line in (plain(cut) + more).split("\n"):
        wrapped += textwrap.wrap(line, _WIDTH - len(_INDENT) - _NAME) or [""]
    yield _entry(name, Safe(wrapped[0]))
    for line in wrapped[1:]:
        yield Safe(f"{_INDENT}{'':<{_NAME}}{line}".rstrip())


def _entry(name: str, text: Safe) -> Safe:
    return Safe(f"{_INDENT}{one_line(name):<{_NAME}}{text}".rstrip())


def _facts(facts: Mapping[str, Any]) -> list[str]:
    """What the source says about the pair, in words."""
    votes = [f"{vote['annotator'] or '?'} {vote['score']:+g}" for vote in facts.get("votes", ())]
    said = [
        f"{name.replace('_', ' ')} {value:g}"
        if isinstance(value, float)
        else f"{name.replace('_', ' ')} {value}"
        for name, value in facts.items()
        if name != "votes"
    ]
    return [*said, *([f"votes {', '.join(votes)}"] if votes else [])]
