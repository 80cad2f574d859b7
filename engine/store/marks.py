"""The authors' decisions about pairs: an append-only log, and the marks that it comes to.

A mark is of an author and a pair's content, so it survives a dataset that is read in anew. What
an author does is one action, however many pairs it changes; undo and redo follow the log, so they
go on after a restart and never touch what another author did.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple, get_args

import numpy as np

from engine.errors import BadInput, NotFound
from engine.paper.stability import cohen_kappa
from engine.results.records import finite
from engine.store.database import Store, rows, sql
from engine.store.dataset import has_dataset
from engine.wire.messages import (
    Agreement,
    MarkChange,
    MarkEvent,
    MarkProgress,
    MarkRequest,
    MarksChanged,
    Verdict,
)

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
AUTHOR_LENGTH = 64
NOTE_LENGTH = 4_000
TAG_LENGTH = 40
LOG_LIMIT = 10_000
_TAG = re.compile(r"\w[\w-]*")
_SAID_TAGS = 5
_FLAG = {"on": "flag", "off": "flag taken away", "toggle": "flag toggled"}


def change(store: Store, request: MarkRequest, study: str) -> MarksChanged:
    """Change the marks of these pairs, on disk when this returns. `study`: the study's digest.

    Raises NotFound for a pair that there is not (nothing is changed then), BadInput for an author,
    note or tag that cannot be, and for numbers of a dataset that was replaced.
    """
    author = check_author(request.author)
    said = _said(check_change(request.change))
    fields, values = _fields(request.change)
    changed = 0
    with store.write() as cursor:
        begun = _begin(cursor, author)
        if request.dataset and not has_dataset(store, request.dataset):
            raise BadInput(
                "the dataset has changed since this list was loaded; no decision was saved"
            )
        for pair_id in request.pair_ids:
            if not 0 <= pair_id < begun.pairs:  # a dataset's pairs are numbered without gaps
                raise NotFound(f"no pair {pair_id}")
        if fields:
            values |= {"action": begun.action, "author": author, "ids": list(request.pair_ids)}
            [(changed,)] = cursor.execute(
                sql("mark_change").replace("{fields}", fields), values
            ).fetchall()
        if changed:
            _act(
                cursor,
                _Action(
                    number=begun.action,
                    now=begun.now,
                    author=author,
                    study=study,
                    kind="change",
                    target=begun.action,
                    blind=request.blind,
                    said=said,
                    pairs=changed,
                ),
            )
    asked = len(set(request.pair_ids))
    if not changed:
        return MarksChanged(changed=0, said=f"{said}: nothing to change on {_pairs(asked)}")
    same = f" ({asked - changed:,} unchanged)" if changed < asked else ""
    return MarksChanged(changed=changed, said=f"{said} on {_pairs(changed)}{same}")


def undo(store: Store, author: str, study: str) -> MarksChanged:
    """Take back the author's last change that still stands, on every pair that it changed."""
    return _again(store, check_author(author), study, "undo")


def redo(store: Store, author: str, study: str) -> MarksChanged:
    """Make the change again that was taken back last, if nothing was changed since."""
    return _again(store, check_author(author), study, "redo")


def _again(store: Store, author: str, study: str, kind: str) -> MarksChanged:
    before, after = ("new", "old") if kind == "undo" else ("old", "new")
    with store.write() as cursor:
        [(target,)] = cursor.execute(sql(f"mark_{kind}_target"), {"author": author}).fetchall()
        if target is None:
            return MarksChanged(changed=0, said=f"nothing to {kind}")
        [(what, blind)] = cursor.execute(
            "SELECT said, blind FROM actions WHERE action_no = ?", [target]
        ).fetchall()
        begun = _begin(cursor, author)
        [(changed,)] = cursor.execute(
            f"INSERT INTO decisions SELECT $action, source_id, chosen_id, rejected_id, "
            f"{before}, {after} FROM decisions WHERE action_no = $target",
            {"action": begun.action, "target": target},
        ).fetchall()
        said = f"{'undone' if kind == 'undo' else 'redone'}: {what}"
        _act(
            cursor,
            _Action(
                number=begun.action,
                now=begun.now,
                author=author,
                study=study,
                kind=kind,
                target=target,
                blind=blind,
                said=said,
                pairs=changed,
            ),
        )
    return MarksChanged(changed=changed, said=f"{said} on {_pairs(changed)}")


def _fields(wanted: MarkChange) -> tuple[str, dict[str, Any]]:
    """The fields that a change gives a new value, as SQL, and the parameters in it."""
    fields: list[str] = []
    values: dict[str, Any] = {}
    if wanted.verdict is not None:
        fields.append("verdict := nullif($verdict, '')")
        values["verdict"] = wanted.verdict
    if wanted.flag is not None:
        fields.append(
            "flagged := CASE $flag WHEN 'toggle' THEN NOT old.flagged ELSE $flag = 'on' END"
        )
        values["flag"] = wanted.flag
    if wanted.note is not None:
        fields.append("note := $note")
        values["note"] = wanted.note
    if wanted.add_tags or wanted.remove_tags:
        fields.append(
            "tags := list_sort(list_filter(list_distinct(list_concat(old.tags, $add::VARCHAR[])), "
            "lambda tag: NOT list_contains($remove::VARCHAR[], tag)))"
        )
        values |= {"add": list(wanted.add_tags), "remove": list(wanted.remove_tags)}
    return ", ".join(fields), values


class _Begun(NamedTuple):
    """An action about to be: its number, its time in microseconds since 1970, and how many pairs
    there are."""

    action: int
    now: int
    pairs: int


class _Action(NamedTuple):
    """A row of `actions`, its time in microseconds since 1970."""

    number: int
    now: int
    author: str
    study: str
    kind: str
    target: int
    blind: bool
    said: str
    pairs: int


def _begin(cursor: Any, author: str) -> _Begun:
    [(action, last, pairs)] = cursor.execute(
        "SELECT coalesce(max(action_no) + 1, 0), epoch_us(max(time) FILTER (author = ?)), "
        "(SELECT count(*) FROM pairs) FROM actions",
        [author],
    ).fetchall()
    # The latest decision counts: a clock that was set back must not make an old one the latest.
    return _Begun(action, max(time.time_ns() // 1000, 0 if last is None else last + 1), pairs)


def _act(cursor: Any, action: _Action) -> None:
    """Log an action whose decisions are logged, and bring the marks up to it."""
    cursor.execute("INSERT INTO actions VALUES (?, make_timestamp(?), ?, ?, ?, ?, ?, ?, ?)", action)
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
        "WHERE action_no = $action AND says_something(new)",
        {"action": number, "author": author, "now": now},
    )


def rebuild(cursor: Any) -> None:
    """Make the marks from the log again, in the caller's transaction."""
    cursor.execute("DELETE FROM marks")
    cursor.execute(sql("marks_rebuild"))


# ---------------------------------------------------------------- reading


def log(store: Store, limit: int) -> list[MarkEvent]:
    """The newest actions first. Raises BadInput for a limit that cannot be."""
    if not 1 <= limit <= LOG_LIMIT:
        raise BadInput(f"limit = {limit}: must be from 1 to {LOG_LIMIT:,}")
    return rows(store.read(sql("mark_log"), {"limit": limit}), MarkEvent)


def progress(store: Store, pair_ids: Sequence[int], author: str) -> MarkProgress:
    """How far the author has come with these pairs."""
    marks = store.arrow(
        "SELECT pair_id, verdict, flagged FROM pair_marks WHERE author = $author",
        {"author": check_author(author)},
    )
    marks = marks.filter(np.isin(marks["pair_id"], np.asarray(pair_ids, dtype=np.int64)))
    counted = {row["values"]: row["counts"] for row in marks["verdict"].value_counts().to_pylist()}
    verdicts: dict[str, int] = {verdict: counted.get(verdict, 0) for verdict in VERDICTS}
    return MarkProgress(
        pairs=len(pair_ids),
        decided=sum(verdicts.values()),
        flagged=int(np.sum(marks["flagged"])),
        verdicts=verdicts,
    )


def agreement(store: Store) -> list[Agreement]:
    """Every two authors who decided anything, on the pairs of the dataset that both decided."""
    authors = [
        author
        for (author,) in store.read(
            "SELECT DISTINCT author FROM pair_marks WHERE verdict IS NOT NULL ORDER BY author"
        ).fetchall()
    ]
    tables = {both: np.zeros((len(VERDICTS),) * 2) for both in combinations(authors, 2)}
    for first, second, a, b, count in store.read(sql("mark_agreement")).fetchall():
        tables[first, second][VERDICTS.index(a), VERDICTS.index(b)] = count
    return [
        Agreement(
            author_a=first,
            author_b=second,
            pairs=(pairs := int(table.sum())),
            agreement=float(np.trace(table)) / pairs if pairs else None,
            kappa=finite(cohen_kappa(table)),
        )
        for (first, second), table in tables.items()
    ]


# ---------------------------------------------------------------- words


def check_author(author: str) -> str:
    """The author. Raises BadInput for a name that cannot be one."""
    if not author.strip() or len(author) > AUTHOR_LENGTH or not author.isprintable():
        raise BadInput(f"author must be 1 to {AUTHOR_LENGTH} printable characters")
    return author


def check_change(wanted: MarkChange) -> MarkChange:
    """The change. Raises BadInput for a note or a tag that cannot be."""
    if wanted.note is not None and len(wanted.note) > NOTE_LENGTH:
        raise BadInput(
            f"the note has {len(wanted.note):,} characters; the limit is {NOTE_LENGTH:,}"
        )
    for tag in (*wanted.add_tags, *wanted.remove_tags):
        if len(tag) > TAG_LENGTH or not _TAG.fullmatch(tag):
            raise BadInput(
                f"a tag must be one word of at most {TAG_LENGTH} letters, digits, _ and -"
            )
    return wanted


def _said(wanted: MarkChange) -> str:
    parts: list[str] = []
    if wanted.verdict is not None:
        parts.append(wanted.verdict or "decision taken back")
    if wanted.flag is not None:
        parts.append(_FLAG[wanted.flag])
    if wanted.note is not None:
        parts.append("note" if wanted.note else "note taken away")
    if wanted.add_tags:
        parts.append(f"tag {_some(wanted.add_tags)}")
    if wanted.remove_tags:
        parts.append(f"no tag {_some(wanted.remove_tags)}")
    return ", ".join(parts) or "no change"


def _some(tags: Sequence[str]) -> str:
    more = len(tags) - _SAID_TAGS
    return " ".join(tags[:_SAID_TAGS]) + (f" and {more} more" if more > 0 else "")


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count:,} pairs"
