"""The first pair of a source as it was understood, turn by turn, for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from engine.data.conversation import Message, shared_messages, spoken
from engine.data.layouts import BY_NAME
from engine.data.pairs import Facts, Pair, Reject
from engine.data.readers import Source, read_pairs
from engine.errors import BadInput

CHARS = 160
ROWS = 1000  # so many rows may be rejected before the first pair


class Line(NamedTuple):
    name: str
    text: str


def first_pair(source: Source) -> list[Line]:
    """The layout of the first row that makes a pair, what it says beside its texts, and every turn.

    Texts are raw, on one line and shortened. Raises BadInput as reading does, and if none of the
    first rows makes a pair.
    """
    before: Counter[str] = Counter()
    first: Reject | None = None
    for item in read_pairs(source):
        if isinstance(item, Pair):
            return list(_lines(item, before))
        first = first or item
        before[item.reason] += 1
        if before.total() == ROWS:
            break
    detail = f": line {first.line}: {first.reason}: {first.detail}" if first else ""
    raise BadInput(f"none of the first {before.total():,} rows makes a pair{detail}")


def _lines(pair: Pair, before: Counter[str]) -> Iterator[Line]:
    row = pair.rows[0]
    layout = BY_NAME[row.layout]
    yield Line("layout", f"{layout.name}: {layout.title}")
    if before:
        counts = ", ".join(f"{count} {reason}" for reason, count in before.items())
        yield Line("no pair", f"{before.total():,} rows before the first one: {counts}")
    yield Line("first pair", "; ".join(_facts(pair)))
    chosen, rejected = pair.chosen.messages, pair.rejected.messages
    shared = shared_messages(chosen, rejected)
    if tools := pair.chosen.tools:
        yield Line("  tools", _short(", ".join(_tool_names(tools))))
    yield from _turns(chosen[:shared], "")
    yield from _turns(chosen[shared:], "chosen")
    yield from _turns(rejected[shared:], "rejected")


def _turns(messages: tuple[Message, ...], side: str) -> Iterator[Line]:
    for message in messages:
        last = message is messages[-1] and side
        yield Line(f"  {side if last else message.role}", _short(spoken(message)))


def _facts(pair: Pair) -> Iterator[str]:
    row, facts = pair.rows[0], pair.facts
    yield f"{row.file}, line {row.line}"
    yield f"id {pair.source_id}"
    for name, value in (("topic", pair.topic), ("group", pair.group)):
        if value is not None:
            yield f"{name} {_short(value)}"
    yield from _numbers(facts)
    if facts.votes:
        votes = (f"{vote.annotator} {vote.score:+g}".strip() for vote in facts.votes)
        yield f"votes {_short(', '.join(votes))}"
    if facts.model_chosen or facts.model_rejected:
        yield f"models {facts.model_chosen or '?'} and {facts.model_rejected or '?'}"


def _numbers(facts: Facts) -> Iterator[str]:
    if facts.margin is not None:
        yield f"margin {facts.margin:g}"
    if facts.score_chosen is not None and facts.score_rejected is not None:
        yield f"scores {facts.score_chosen:g} and {facts.score_rejected:g}"


def _tool_names(tools: str) -> Iterator[str]:
    for tool in json.loads(tools):
        function = tool.get("function", tool) if isinstance(tool, dict) else {}
        yield str(function.get("name", "?") if isinstance(function, dict) else function)


def _short(text: str) -> str:
    line = " ".join(text[: 2 * CHARS].split())
    return line if len(line) <= CHARS else line[: CHARS - 1] + "…"
