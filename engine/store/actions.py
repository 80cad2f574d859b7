"""The log of what authors did about pairs, and the marks that follow from it."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from engine.store.database import Store, rows, sql
from engine.wire.messages import MarkEvent

MAX_NUMBER = 2**31 - 1


class NextAction(NamedTuple):
    """The number of the next action, its time in microseconds since 1970, and the number of pairs
    in the dataset."""

    action: int
    now: int
    pairs: int


class Action(NamedTuple):
    """A row of `actions`, its time in microseconds since 1970."""

    number: int
    now: int
    author: str
    study: str
    kind: str
    target: int
    blind: bool
    summary: str
    pairs: int
    session: str


def next_action(cursor: Any, author: str) -> NextAction:
    [(action, last, pairs)] = cursor.execute(
        "SELECT coalesce(max(action_no) + 1, 0), epoch_us(max(time) FILTER (author = ?)), "
        "(SELECT count(*) FROM pairs) FROM actions",
        [author],
    ).fetchall()
    # The latest decision counts, so time must increase even if the clock was set back.
    return NextAction(action, max(time.time_ns() // 1000, 0 if last is None else last + 1), pairs)


def log_action(cursor: Any, action: Action) -> None:
    """Log an action whose decisions are logged already, and update the marks."""
    cursor.execute(
        "INSERT INTO actions VALUES (?, make_timestamp(?), ?, ?, ?, ?, ?, ?, ?, ?)", action
    )
    number, author, now = action.number, action.author, action.now
    cursor.execute(
        "DELETE FROM marks AS m USING decisions AS d WHERE d.action_no = $action "
        "AND m.author = $author AND m.source_id = d.source_id "
        "AND m.chosen_id = d.chosen_id AND m.rejected_id = d.rejected_id",
        {"action": number, "author": author},
    )
    cursor.execute(
        "INSERT INTO marks SELECT $author, source_id, chosen_id, rejected_id, "
        "make_timestamp($now), new FROM decisions "
        "WHERE action_no = $action AND is_marked(new)",
        {"action": number, "author": author, "now": now},
    )


def rebuild(cursor: Any) -> None:
    """Rebuild the marks from the log, in the caller's transaction."""
    cursor.execute("DELETE FROM marks")
    cursor.execute(sql("marks_rebuild"))


def revision(store: Store) -> int:
    """The length of the log of actions."""
    statement = "SELECT coalesce(max(action_no) + 1, 0) FROM actions"
    [(length,)] = store.read(statement).fetchall()
    return int(length)


def events(
    cursor: Any, after: int, limit: int, *, until: int = MAX_NUMBER, author: str | None = None
) -> list[MarkEvent]:
    """The latest actions of an author, or of all, from the number `after` up to `until`, newest
    first."""
    parameters = {"limit": limit, "after": after, "until": until, "author": author}
    return rows(cursor.execute(sql("mark_log"), parameters), MarkEvent)
