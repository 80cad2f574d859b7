"""The decisions' log as rows for a file, and such rows brought in from another run or host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from engine.messages import MarkChange, Message, Verdict
from engine.store.database import Store, sql
from engine.store.marks import check_author, check_change, rebuild

_MANY = 10_000


class MarkState(Message, frozen=True, kw_only=True):
    """A mark without who and when."""

    verdict: Verdict | None
    flagged: bool
    note: str
    tags: tuple[str, ...]


class LedgerRow(Message, frozen=True, kw_only=True):
    """What an author changed of one pair, `old` and `new` None for no mark. `time` in seconds since
    1970, to the microsecond; rows with one `group` and author were one action."""

    time: float
    author: str
    source_id: str
    chosen_sha: str
    rejected_sha: str
    old: MarkState | None
    new: MarkState | None
    group: int
    blind: bool


class Imported(Message, frozen=True, kw_only=True):
    """What became of a ledger's rows; `pairs` are the first source_ids not in this dataset."""

    applied: int
    already_there: int
    unknown: int
    pairs: tuple[str, ...]


def ledger(store: Store) -> Iterator[LedgerRow]:
    """The whole log in the order of time, of pairs that are no longer in the dataset too."""
    cursor = store.read(sql("ledger"))
    while rows := cursor.fetchmany(_MANY):
        for at, author, source, chosen, rejected, old, new, group, blind in rows:
            yield LedgerRow(
                time=at,
                author=author,
                source_id=source,
                chosen_sha=chosen,
                rejected_sha=rejected,
                old=_state(old),
                new=_state(new),
                group=group,
                blind=blind,
            )


def _state(stored: dict[str, Any] | None) -> MarkState | None:
    if stored is None:
        return None
    return MarkState(**{**stored, "tags": tuple(stored["tags"])})


def import_ledger(store: Store, rows: Iterable[LedgerRow], study: str) -> Imported:
    """Add the rows that the log does not have, all or none, and bring the marks up to them.

    Of an author's decisions about a pair the latest in time counts, whichever came in last. An
    import is not undone, nor what its authors did before it.

    Raises Refused where a row holds what no mark can.
    """
    import pyarrow

    columns: dict[str, list[Any]] = {
        name: []
        for name in ("place", "us", "group_no", "author", "source_id", "chosen_sha", "rejected_sha")
        + ("old", "new", "blind")
    }
    for place, row in enumerate(rows):
        check_author(row.author)
        cells = (
            place,
            round(row.time * 1_000_000),
            row.group,
            row.author,
            row.source_id,
            row.chosen_sha,
            row.rejected_sha,
            _cell(row.old),
            _cell(row.new),
            row.blind,
        )
        for name, cell in zip(columns, cells, strict=True):
            columns[name].append(cell)
    state = pyarrow.struct(
        {
            "verdict": pyarrow.string(),
            "flagged": pyarrow.bool_(),
            "note": pyarrow.string(),
            "tags": pyarrow.list_(pyarrow.string()),
        }
    )
    types = {"old": state, "new": state, "us": pyarrow.int64(), "group_no": pyarrow.int64()}
    types |= {"place": pyarrow.int64(), "blind": pyarrow.bool_()}
    table = pyarrow.table(
        {
            name: pyarrow.array(cells, types.get(name, pyarrow.string()))
            for name, cells in columns.items()
        }
    )
    with store.write() as cursor:
        cursor.register("incoming", table)
        cursor.execute(sql("ledger_known"))
        cursor.execute(sql("ledger_actions"), {"study": study})
        [(applied,)] = cursor.execute(sql("ledger_decisions")).fetchall()
        [(known,)] = cursor.execute("SELECT count(*) FROM known").fetchall()
        unknown = cursor.execute(
            "SELECT DISTINCT source_id FROM incoming ANTI JOIN known USING (place) "
            "ORDER BY source_id LIMIT 20"
        ).fetchall()
        cursor.execute("DROP TABLE fresh")
        cursor.execute("DROP TABLE known")
        cursor.unregister("incoming")
        if applied:
            rebuild(cursor)
    return Imported(
        applied=applied,
        already_there=known - applied,
        unknown=table.num_rows - known,
        pairs=tuple(source for (source,) in unknown),
    )


def _cell(state: MarkState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    check_change(MarkChange(note=state.note, add_tags=state.tags))
    return {
        "verdict": state.verdict,
        "flagged": state.flagged,
        "note": state.note,
        "tags": sorted(set(state.tags)),
    }
