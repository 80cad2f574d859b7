"""Refuses a change that was made on a state which somebody has changed since.

Marks are each author's own, so only another session of the same author, or an import of the
author's decisions, can be in the way.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.errors import Conflict
from engine.store.database import sql


def refuse_unseen(cursor: Any, action: int, author: str, session: str, seen: int) -> None:
    """Raises Conflict if a pair of this action, whose decisions are logged, has no longer the mark
    that it had at the revision `seen`."""
    found = cursor.execute(
        "SELECT 1 FROM actions WHERE action_no >= ? AND author = ? "
        "AND (session <> ? OR kind = 'import') LIMIT 1",
        [seen, author, session],
    ).fetchall()
    if not found:
        return
    parameters = {"action": action, "author": author, "session": session, "seen": seen}
    if pairs := cursor.execute(sql("mark_unseen"), parameters).fetchall():
        raise Conflict(
            f"{_pairs(pairs)} changed since you saw it: {_by(cursor, pairs)}. "
            "Nothing was saved; look again, and repeat your change if it still holds"
        )


def refuse_overtaken(cursor: Any, target: int, since: int, author: str, kind: str) -> None:
    """Raises Conflict if a pair of the change `target` has no longer the mark that the action
    `since`, the last one about that change, gave it. `kind` is undo or redo."""
    found = cursor.execute(
        "SELECT 1 FROM actions WHERE action_no > ? AND author = ? LIMIT 1", [since, author]
    ).fetchall()
    if not found:
        return
    statement = sql("mark_overtaken").replace("{left}", "new" if kind == "undo" else "old")
    parameters = {"target": target, "since": since, "author": author}
    if pairs := cursor.execute(statement, parameters).fetchall():
        [(summary,)] = cursor.execute(
            "SELECT summary FROM actions WHERE action_no = ?", [target]
        ).fetchall()
        raise Conflict(
            f"cannot {kind} “{summary}”: {_pairs(pairs)} changed since: {_by(cursor, pairs)}"
        )


def _pairs(pairs: list[Any]) -> str:
    """Pair p17 was; pair p17 and 3 others were."""
    first, others = f"pair {pairs[0][0]}", len(pairs) - 1
    if not others:
        return f"{first} was"
    return f"{first} and {others:,} other{'s' if others > 1 else ''} were"


def _by(cursor: Any, pairs: list[Any]) -> str:
    """The last action about the first of these pairs: “drop” by ann in another session at 14:03."""
    [(time, author, kind, summary)] = cursor.execute(
        "SELECT epoch(time), author, kind, summary FROM actions WHERE action_no = ?", [pairs[0][1]]
    ).fetchall()
    when = datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S")
    where = "from a ledger" if kind == "import" else "in another session"
    return f"“{summary}” by {author} {where} at {when}"
