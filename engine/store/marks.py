"""The authors' decisions about pairs: an append-only log, and the marks that result from it.

A mark belongs to an author and a pair's content, so it survives reloading the dataset. An action
may change any number of pairs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any, get_args

import msgspec
import numpy as np

from engine.errors import BadInput, NotFound
from engine.paper.stability import cohen_kappa
from engine.results.numbers import many
from engine.results.records import finite
from engine.store import blind
from engine.store.actions import Action, events, log_action, next_action
from engine.store.conflicts import refuse_unseen
from engine.store.database import Store, sql
from engine.store.dataset import has_dataset
from engine.store.journal import record
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
_SUMMARY_TAGS = 5
_VERDICT = {"": "verdict removed", "a": "A is better", "b": "B is better"}
_FLAG = {"on": "flag", "off": "flag removed", "toggle": "flag toggled"}


def change(store: Store, request: MarkRequest, study: str) -> MarksChanged:
    """Change the marks of these pairs; on disk when this returns. `study`: the study's digest.

    Raises NotFound for a pair that does not exist, BadInput for an invalid author, note or tag,
    and for pair numbers of a dataset that was replaced, Conflict if a mark is no longer as the
    client saw it. Then nothing is changed.
    """
    author, session = check_author(request.author), check_session(request.session)
    change = check_change(request.change, blind=request.blind)
    summary = _summary(change)
    changed = 0
    with store.write() as cursor:
        upcoming = next_action(cursor, author)
        if request.dataset and not has_dataset(store, request.dataset):
            raise BadInput(
                "the dataset has changed since this list was loaded; no decision was saved"
            )
        for pair_id in request.pair_ids:
            if not 0 <= pair_id < upcoming.pairs:  # a dataset's pairs are numbered without gaps
                raise NotFound(f"no pair {pair_id}")
        parts = _parts(store, request)
        for part, ids in parts:
            changed += _change(cursor, upcoming.action, author, part, ids)
        if changed:
            if request.seen is not None:
                refuse_unseen(cursor, upcoming.action, request)
            log_action(
                cursor,
                Action(
                    number=upcoming.action,
                    now=upcoming.now,
                    author=author,
                    study=study,
                    kind="change",
                    target=upcoming.action,
                    blind=request.blind,
                    summary=" and ".join(dict.fromkeys(_summary(part) for part, _ in parts)),
                    pairs=changed,
                    session=session,
                ),
            )
            record(store, cursor, upcoming.action)
    total, revision = len(set(request.pair_ids)), upcoming.action + (changed > 0)
    unchanged = f" ({total - changed:,} unchanged)" if changed < total else ""
    said = f"{summary} on {many(changed, 'pair')}{unchanged}"
    if not changed:
        said = f"{summary}: nothing to change on {many(total, 'pair')}"
    return MarksChanged(changed=changed, summary=said, revision=revision)


def _parts(store: Store, request: MarkRequest) -> list[tuple[MarkChange, Sequence[int]]]:
    """The change as it is stored, pair by pair: what was decided blind is to keep or to flip."""
    better = request.change.verdict
    if better not in ("a", "b"):
        return [(request.change, request.pair_ids)]
    decided = blind.verdicts(store, request.pair_ids, better, request.author)
    return [
        (msgspec.structs.replace(request.change, verdict=verdict), ids)
        for verdict, ids in decided.items()
    ]


def _change(
    cursor: Any, action: int, author: str, change: MarkChange, pair_ids: Sequence[int]
) -> int:
    """Log one change to these pairs; how many it changed."""
    fields, values = _fields(change)
    if not fields:
        return 0
    values |= {"action": action, "author": author, "ids": list(pair_ids)}
    [(changed,)] = cursor.execute(sql("mark_change").replace("{fields}", fields), values).fetchall()
    return int(changed)


def _fields(change: MarkChange) -> tuple[str, dict[str, Any]]:
    """The assignments of a change as SQL, and their parameters."""
    fields: list[str] = []
    values: dict[str, Any] = {}
    if change.verdict is not None:
        fields.append("verdict := nullif($verdict, '')")
        values["verdict"] = change.verdict
    if change.flag is not None:
        fields.append(
            "flagged := CASE $flag WHEN 'toggle' THEN NOT old.flagged ELSE $flag = 'on' END"
        )
        values["flag"] = change.flag
    if change.note is not None:
        fields.append("note := $note")
        values["note"] = change.note
    if change.add_tags or change.remove_tags:
        fields.append(
            "tags := list_sort(list_filter(list_distinct(list_concat(old.tags, $add::VARCHAR[])), "
            "lambda tag: NOT list_contains($remove::VARCHAR[], tag)))"
        )
        values |= {"add": list(change.add_tags), "remove": list(change.remove_tags)}
    return ", ".join(fields), values


# ---------------------------------------------------------------- reading


def log(store: Store, limit: int, after: int = 0, author: str | None = None) -> list[MarkEvent]:
    """The latest actions of this author, or of all, since the revision `after`, newest first.

    Raises BadInput for a limit out of range.
    """
    if not 1 <= limit <= LOG_LIMIT:
        raise BadInput(f"limit = {limit}: must be from 1 to {LOG_LIMIT:,}")
    with store.snapshot() as cursor:
        return events(cursor, after, limit, author=author)


def progress(store: Store, pair_ids: Sequence[int], author: str) -> MarkProgress:
    """How many of these pairs the author has decided and flagged."""
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
    """The agreement of every two authors, on the pairs in the dataset that both decided."""
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


# ---------------------------------------------------------------- checks and summaries


def check_author(author: str) -> str:
    """The author. Raises BadInput for an invalid name."""
    if not author.strip() or len(author) > AUTHOR_LENGTH or not author.isprintable():
        raise BadInput(f"author must be 1 to {AUTHOR_LENGTH} printable characters")
    return author


def check_session(session: str) -> str:
    """The session. Raises BadInput for an invalid name."""
    if len(session) > AUTHOR_LENGTH or not session.isprintable():
        raise BadInput(f"session must be at most {AUTHOR_LENGTH} printable characters")
    return session


def check_change(change: MarkChange, *, blind: bool = False) -> MarkChange:
    """The change. Raises BadInput for an invalid note or tag, and for a decision that speaks of
    what the author does not see."""
    if change.verdict in (("keep", "flip") if blind else ("a", "b")):
        how = "a and b" if blind else "keep and flip"
        where = "in" if blind else "outside"
        raise BadInput(f"verdict = {change.verdict}: {where} blind mode, decide with {how}")
    if change.note is not None and len(change.note) > NOTE_LENGTH:
        raise BadInput(
            f"the note has {len(change.note):,} characters; the limit is {NOTE_LENGTH:,}"
        )
    for tag in (*change.add_tags, *change.remove_tags):
        if len(tag) > TAG_LENGTH or not _TAG.fullmatch(tag):
            raise BadInput(
                f"a tag must be one word of at most {TAG_LENGTH} letters, digits, _ and -"
            )
    return change


def _summary(change: MarkChange) -> str:
    parts: list[str] = []
    if change.verdict is not None:
        parts.append(_VERDICT.get(change.verdict, change.verdict))
    if change.flag is not None:
        parts.append(_FLAG[change.flag])
    if change.note is not None:
        parts.append("note" if change.note else "note removed")
    if change.add_tags:
        parts.append(f"tag {_tag_list(change.add_tags)}")
    if change.remove_tags:
        parts.append(f"tag removed: {_tag_list(change.remove_tags)}")
    return ", ".join(parts) or "no change"


def _tag_list(tags: Sequence[str]) -> str:
    more = len(tags) - _SUMMARY_TAGS
    return " ".join(tags[:_SUMMARY_TAGS]) + (f" and {more} more" if more > 0 else "")
