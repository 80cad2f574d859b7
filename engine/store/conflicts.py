"""Refuses a change that was made on a state which somebody has changed since.

Marks are each author's own, so only another session of the same author, or an import of the
author's decisions, can be in the way.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.errors import Conflict
from engine.store.database import sql
from engine.wire.messages import MarkRequest


def refuse_unseen(cursor: Any, action: int, request: MarkRequest) -> None:
    """Raises Conflict if a pair of this action, whose decisions are logged, has no longer the mark
    that it had at the revision that the request names."""
    wanted = {"author": request.author, "session": request.session, "seen": request.seen}
    found = cursor.execute(
        "SELECT 1 FROM actions WHERE action_no >= $seen AND author = $author "
        "AND (session <> $session OR kind = 'import') LIMIT 1",
        wanted,
    ).fetchall()
    if not found:
        return
    if pairs := cursor.execute(sql("mark_unseen"), {**wanted, "action": action}).fetchall():
        raise Conflict(
            f"{_changed(cursor, pairs, 'since you saw it', request.blind)}. Nothing was saved; "
            "look again, and repeat your change if it still holds"
        )


def refuse_overtaken(
    cursor: Any, kind: str, target: int, since: int, author: str, blind: bool
) -> None:
    """Raises Conflict if a pair of the change `target` has no longer the mark that the action
    `since`, the last one about that change, gave it. `kind` is undo or redo. `blind`: the message
    does not say which pair, and what was chosen."""
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
        what = "" if blind else f" “{summary}”"
        raise Conflict(f"cannot {kind}{what}: {_changed(cursor, pairs, 'since', blind)}")


def _changed(cursor: Any, pairs: list[Any], since: str, blind: bool) -> str:
    """Pair p17 and 3 others were changed since: “drop” by ann in another session at 14:03."""
    source_id, action = pairs[0]
    [(time, author, kind, summary)] = cursor.execute(
        "SELECT epoch(time), author, kind, summary FROM actions WHERE action_no = ?", [action]
    ).fetchall()
    when = datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S")
    where = "from a ledger" if kind == "import" else "in another session"
    others = f" and {len(pairs) - 1:,} more" if len(pairs) > 1 else ""
    which = "a pair" if blind else f"pair {source_id}"
    what = "" if blind else f"“{summary}” "
    verb = "were" if others else "was"
    return f"{which}{others} {verb} changed {since}: {what}by {author} {where} at {when}"
