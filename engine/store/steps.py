"""Undo and redo: of one author in one session, that is one client.

They follow the log, so they work after a restart. What another session of the author has changed
since is never undone with it (see conflicts.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.errors import Conflict
from engine.results.numbers import many
from engine.store.actions import Action, events, log_action, next_action
from engine.store.conflicts import refuse_overtaken
from engine.store.database import Store, sql
from engine.store.journal import next_number, record
from engine.store.marks import check_author, check_session
from engine.wire.messages import MarksChanged, RedoRequest, UndoRequest


def undo(store: Store, request: UndoRequest, study: str) -> MarksChanged:
    """Undo the last change of the author in the session, or the one that is named, on every pair
    that it changed. Raises Conflict if that is not in effect, or one of its pairs was changed
    since."""
    author, session = check_author(request.author), check_session(request.session)
    with store.write() as cursor:
        wanted = {"author": author, "session": session, "action": request.action}
        statement = sql("mark_undo_target")
        step = cursor.execute(statement, {**wanted, "anywhere": False}).fetchone()
        if step is not None:
            return _step_back(
                store, cursor, _Step("undo", author, session, study, request.blind, *step)
            )
        if request.action is not None:
            raise Conflict(
                f"change {request.action} of {author} is not in effect: it was undone, or later "
                "decisions of this author were imported"
            )
        revision = next_number(cursor)
        other = cursor.execute(statement, {**wanted, "anywhere": True}).fetchone()
        elsewhere = events(cursor, other[0], 1, until=other[0])[0] if other else None
    if elsewhere is None:
        return MarksChanged(changed=0, summary="nothing to undo", revision=revision)
    return MarksChanged(
        changed=0,
        summary="nothing to undo in this session",
        revision=revision,
        elsewhere=elsewhere,
    )


def redo(store: Store, request: RedoRequest, study: str) -> MarksChanged:
    """Redo the change that the session undid last, if it changed nothing since. Raises Conflict if
    one of its pairs was changed since."""
    author, session = check_author(request.author), check_session(request.session)
    with store.write() as cursor:
        wanted = {"author": author, "session": session}
        step = cursor.execute(sql("mark_redo_target"), wanted).fetchone()
        if step is None:
            revision = next_number(cursor)
            return MarksChanged(changed=0, summary="nothing to redo", revision=revision)
        return _step_back(
            store, cursor, _Step("redo", author, session, study, request.blind, *step)
        )


class _Step(NamedTuple):
    """An undo or a redo of the change `target`, about which `since` was the last action."""

    kind: str
    author: str
    session: str
    study: str
    blind: bool
    target: int
    since: int


def _step_back(store: Store, cursor: Any, step: _Step) -> MarksChanged:
    kind, author, session, study, blind, target, since = step
    before, after = ("new", "old") if kind == "undo" else ("old", "new")
    refuse_overtaken(cursor, kind, target, since, author, blind)
    [(target_summary, was_blind)] = cursor.execute(
        "SELECT summary, blind FROM actions WHERE action_no = ?", [target]
    ).fetchall()
    upcoming = next_action(cursor, author)
    changed = 0
    for table, texts in (("decisions", "id"), ("waiting", "sha")):
        [(count,)] = cursor.execute(
            f"INSERT INTO {table} SELECT $action, source_id, chosen_{texts}, rejected_{texts}, "
            f"{before}, {after} FROM {table} WHERE action_no = $target",
            {"action": upcoming.action, "target": target},
        ).fetchall()
        changed += count
    summary = f"{'undone' if kind == 'undo' else 'redone'}: {target_summary}"
    log_action(
        cursor,
        Action(
            number=upcoming.action,
            now=upcoming.now,
            author=author,
            study=study,
            kind=kind,
            target=target,
            blind=was_blind,
            summary=summary,
            pairs=changed,
            session=session,
        ),
    )
    record(store, cursor, upcoming.action)
    which = many(changed, "pair")
    if changed == 1 and not blind:
        [(source_id,)] = cursor.execute(
            "SELECT source_id FROM logged WHERE action_no = ?", [target]
        ).fetchall()
        which = f"pair {source_id}"
    return MarksChanged(
        changed=changed, summary=f"{summary} on {which}", revision=upcoming.action + 1
    )
