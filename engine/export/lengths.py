"""The pairs that are longer than a trainer reads, by the tokens of a named tokenizer."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

from engine import isolated
from engine.data.conversation import Conversation
from engine.export.split import as_rows
from engine.store.exports import PairSides

# A preview is answered within the time that a client waits.
LIMIT_S = 90.0
GRACE_S = 25.0  # after which a process that still counts, or loads, is killed
_BATCH = 200

TokensOf = Literal["transcript", "messages"]


class Long(NamedTuple):
    """The pairs with a side of more tokens, and a line for people if not all were counted."""

    pairs: frozenset[int]
    note: str = ""


def longer(
    sides: Iterable[PairSides],
    tokens_of: TokensOf,
    tokenizer: str,
    max_length: int,
    limit_s: float = LIMIT_S,
    grace_s: float = GRACE_S,
) -> Long:
    """The tokenizer is loaded, and counts, in a process of its own, which is killed if it does not
    answer: a chat template is a program, and may not end."""
    with subprocess.Popen(
        isolated.command("engine.models.tokens", tokenizer),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        **isolated.place(),
    ) as process:
        late = threading.Timer(limit_s + grace_s, process.kill)
        late.start()
        try:
            return _counted(process, sides, tokens_of, max_length, limit_s)
        except (OSError, ValueError):
            why = "the tokenizer's process failed"
            if not late.is_alive():
                why = f"{tokenizer} took more than {limit_s + grace_s:.0f} s"
            return Long(frozenset(), _not_counted(max_length, why))
        finally:
            late.cancel()
            process.kill()


def _counted(
    process: Any,
    sides: Iterable[PairSides],
    tokens_of: TokensOf,
    max_length: int,
    limit_s: float,
) -> Long:
    until = time.monotonic() + limit_s
    if (problem := json.loads(process.stdout.readline())) is not None:
        return Long(frozenset(), _not_counted(max_length, problem))
    long: set[int] = set()
    refused = 0
    texts = _texts(sides, tokens_of, max_length)
    while batch := list(islice(texts, _BATCH)):
        process.stdin.write(json.dumps([text for _, text in batch]) + "\n")
        process.stdin.flush()
        counts: Sequence[int | None] = json.loads(process.stdout.readline())
        for (pair_id, _), count in zip(batch, counts, strict=True):
            refused += count is None
            if count is not None and count > max_length:
                long.add(pair_id)
        if time.monotonic() > until:
            why = f"counted up to pair {batch[-1][0]:,} only, for lack of time"
            return Long(frozenset(long), f"rows over {max_length:,} tokens: {why}")
    if refused:
        note = f"the chat template refuses {refused:,} conversations, which were not counted"
        return Long(frozenset(long), note)
    return Long(frozenset(long))


def _not_counted(max_length: int, why: str) -> str:
    return f"rows over {max_length:,} tokens were not counted: {why}"


def _texts(
    sides: Iterable[PairSides], tokens_of: TokensOf, max_length: int
) -> Iterator[tuple[int, Any]]:
    """(pair, what to count), without the texts that are too short in any case."""
    for pair in sides:
        for side in (pair.chosen, pair.rejected):
            if tokens_of == "messages":
                yield pair.pair_id, _conversation(side)
            # A token has at least one byte; one is for the end.
            elif len((text := side.transcript).encode()) + 1 > max_length:
                yield pair.pair_id, text


def _conversation(side: Conversation) -> dict[str, Any]:
    tools = json.loads(side.tools) if side.tools else None
    return {"messages": as_rows(side.messages), "tools": tools}
