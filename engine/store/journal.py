"""The log of decisions as a file beside the database, from which it can be made again.

decisions.jsonl is a ledger (engine/store/ledger.py) to which lines are only added. The lines of a
transaction end with one whose `actions` says what was done: without it they do not count. They are
on disk before the transaction is committed, so a decision that was said to be saved is in both, and
one that was cut off in between is in the file, from which it is taken at the next start.

In each such transaction the database also notes size and checksum of the file: a change to what is
noted is damage, and everything that is noted is in the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from engine import __version__
from engine.files import replacing
from engine.store.appended import Sum, set_aside
from engine.store.database import Store, rows, sql
from engine.visible import json_text

# The key in `meta` of the file's sum, as JSON.
_SUM = "decisions_sum"
_AT_ONCE = 10_000  # about so many decisions end with one line of actions in a file made anew
_TAIL = 1 << 16


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """An action as it is logged; its time is in seconds since 1970, to the microsecond. Older
    versions did not know sessions."""

    number: int
    time: float
    author: str
    study: str
    kind: str
    target: int
    blind: bool
    summary: str
    pairs: int
    session: str = ""


class _Line(msgspec.Struct, frozen=True):
    """The part of a line that the last line of a transaction has."""

    actions: tuple[Logged, ...] = ()


class Span(NamedTuple):
    """Actions from the first to the last number."""

    first: int
    last: int


def record(store: Store, cursor: Any, first: int) -> None:
    """Add the actions from this number on, logged in the caller's transaction, to the file."""
    if (file := store.decisions) is None:
        return
    if not file.intact():  # another program has removed or changed it
        _write(store, cursor, file.look(), before=first)
    file.append(_lines(cursor, Span(first, next_number(cursor) - 1)))
    note(cursor, file.sum)


def write(store: Store, cursor: Any, aside: bool) -> None:
    """Write the file anew from the database. `aside`: the one that is there is set aside, and a
    notice of the store says so."""
    assert store.decisions is not None
    _write(store, cursor, aside)
    renew(store, cursor)


def _write(store: Store, cursor: Any, aside: bool, before: int | None = None) -> None:
    """Up to this action, or all of them."""
    file = store.decisions
    assert file is not None
    content = Sum()
    with replacing(file.path) as out:
        for lines in _whole(cursor, before):
            out.write(lines)
            content = content.plus(lines)
        if aside:
            out.flush()  # not before all of it was read from the database, and has its room
            kept = set_aside(file.path)
            store.notices.append(
                f"{file.path.name} had been damaged or changed: it was written again from the "
                f"database, which has every decision; the old one is kept as {kept.name}"
            )
    file.take(content)


def note(cursor: Any, content: Sum) -> None:
    """Note the file's sum, in the transaction whose actions are its last."""
    cursor.execute(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)", [_SUM, msgspec.json.encode(content).decode()]
    )


def renew(store: Store, cursor: Any) -> None:
    """Note the file's sum if another one is noted. The first is noted with the next decision, so
    that a folder is not written to only because it is looked at."""
    assert store.decisions is not None
    if noted(store) not in (None, store.decisions.sum):
        note(cursor, store.decisions.sum)


def noted(store: Store) -> Sum | None:
    """The noted sum of the file; None if the program that wrote it noted none."""
    try:
        return msgspec.json.decode(store.meta(_SUM) or "", type=Sum)
    except msgspec.DecodeError:
        return None


def last(content: Any, size: int) -> Logged | None:
    """The last action of an open file, if its last line is a whole one with actions."""
    tail = _TAIL
    while True:
        start = max(0, size - tail)
        content.seek(start)
        block = content.read(size - start)
        if not block.endswith(b"\n"):
            return None
        at = block.rfind(b"\n", 0, -1)
        if at >= 0 or not start:
            actions = actions_of(block[at + 1 :])
            return actions[-1] if actions else None
        tail *= 4


def actions_of(line: bytes) -> tuple[Logged, ...]:
    """The actions that a line ends; none if it ends none or is damaged."""
    try:
        return msgspec.json.decode(line, type=_Line).actions
    except msgspec.DecodeError:
        return ()


def next_number(cursor: Any) -> int:
    [(number,)] = cursor.execute("SELECT coalesce(max(action_no) + 1, 0) FROM actions").fetchall()
    return int(number)


def logged(cursor: Any, span: Span) -> list[Logged]:
    found = cursor.execute(
        "SELECT action_no AS number, epoch(time) AS time, author, study, kind, target, blind, "
        "summary, pairs, session FROM actions WHERE action_no BETWEEN ? AND ? ORDER BY action_no",
        list(span),
    )
    return rows(found, Logged)


def is_empty(path: Path) -> bool:
    """Whether the file holds its first line at most, and perhaps a part of a second."""
    with path.open("rb") as content:
        first, second = content.readline(_TAIL), content.readline(_TAIL)
    return first.startswith(b'{"seal_tui"') and not second.endswith(b"\n") and len(second) < _TAIL


# As export/ledger.py expects it: the file can be imported into another run.
_HEAD = (
    msgspec.json.encode({"seal_tui": {"program": f"seal-tui {__version__}", "format": "ledger"}})
    + b"\n"
)


def _lines(cursor: Any, span: Span) -> bytes:
    """The lines of these actions, the last with what is logged of them."""
    table = cursor.sql(sql("journal_lines"), params=span._asdict()).to_arrow_table()
    lines = b"".join(_text(chunk) for chunk in table["line"].chunks)
    if not lines.isascii() or b"\x7f" in lines:
        lines = json_text(lines.decode()).encode()
    actions = json_text(msgspec.json.encode(logged(cursor, span)).decode()).encode()
    return lines.removesuffix(b"}\n") + b',"actions":' + actions + b"}\n" if lines else b""


def _text(strings: Any) -> bytes:
    """All strings of an Arrow array after one another, without making a string of each."""
    _, offsets, text = strings.buffers()
    ends = np.frombuffer(offsets, np.int32)
    whole: bytes = text[int(ends[strings.offset]) : int(ends[strings.offset + len(strings)])]
    return bytes(whole)


def _whole(cursor: Any, before: int | None) -> Iterator[bytes]:
    yield _HEAD
    for span in _spans(cursor, before):
        yield _lines(cursor, span)


def _spans(cursor: Any, before: int | None) -> Iterator[Span]:
    """All actions, in spans of a few thousand decisions or of one larger action."""
    counts = cursor.execute(
        "SELECT action_no, pairs FROM actions WHERE action_no < ? ORDER BY action_no",
        [next_number(cursor) if before is None else before],
    ).fetchall()
    first, size = None, 0
    for number, pairs in counts:
        first = number if first is None else first
        size += pairs + 1
        if size >= _AT_ONCE:
            yield Span(first, number)
            first, size = None, 0
    if first is not None:
        yield Span(first, counts[-1][0])
