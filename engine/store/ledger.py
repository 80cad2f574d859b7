"""Exports the log of decisions as rows, and imports such rows from another run or host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from engine.errors import BadInput
from engine.store.actions import rebuild
from engine.store.database import Store, sql
from engine.store.journal import next_number, record
from engine.store.marks import VERDICTS, check_author, check_change
from engine.wire.messages import Imported, MarkChange, Message, Verdict

_MANY = 10_000


class MarkState(Message, frozen=True, kw_only=True):
    """A mark without its author and time."""

    verdict: Verdict | None
    flagged: bool
    note: str
    tags: tuple[str, ...]


class LedgerRow(Message, frozen=True, kw_only=True):
    """An author's change to the mark of one pair. `time` is in seconds since 1970, to the
    microsecond. Rows with the same `group` and author were one action."""

    time: float
    author: str
    source_id: str
    chosen_sha: str
    rejected_sha: str
    old: MarkState
    new: MarkState
    group: int
    blind: bool


def ledger(store: Store) -> Iterator[LedgerRow]:
    """The whole log in order of time, including pairs that are no longer in the dataset."""
    cursor = store.read(sql("ledger"))
    names = [column[0] for column in cursor.description]
    while rows := cursor.fetchmany(_MANY):
        for row in rows:
            columns = dict(zip(names, row, strict=True))
            columns |= {"old": _state(columns["old"]), "new": _state(columns["new"])}
            yield LedgerRow(**columns)


def _state(stored: dict[str, Any]) -> MarkState:
    return MarkState(**{**stored, "tags": tuple(stored["tags"])})


def import_ledger(store: Store, rows: Iterable[LedgerRow], study: str) -> Imported:
    """Add the rows that the log does not have, all or none, and update the marks.

    An author's latest decision about a pair counts, whatever the order of import. An import
    cannot be undone, nor can its authors' earlier changes.

    Raises BadInput for a row with an invalid value.
    """
    table = incoming(rows)
    with store.write() as cursor:
        first = next_number(cursor)
        cursor.register("incoming", table)
        cursor.execute(sql("ledger_matched"))
        cursor.execute(sql("ledger_actions"), {"study": study})
        [(applied,)] = cursor.execute(sql("ledger_decisions")).fetchall()
        [(matched,)] = cursor.execute("SELECT count(*) FROM matched").fetchall()
        unknown = cursor.execute(
            "SELECT DISTINCT source_id FROM incoming ANTI JOIN matched USING (place) "
            "ORDER BY source_id LIMIT 20"
        ).fetchall()
        cursor.execute("DROP TABLE fresh")
        cursor.execute("DROP TABLE matched")
        cursor.unregister("incoming")
        if applied:
            rebuild(cursor)
            record(store, cursor, first)
    return Imported(
        applied=applied,
        already_there=matched - applied,
        unknown=table.num_rows - matched,
        pairs=tuple(source for (source,) in unknown),
    )


def incoming(rows: Iterable[LedgerRow]) -> Any:
    """The rows as an Arrow table. Raises BadInput for one that no mark can hold."""
    import pyarrow

    state = pyarrow.struct(
        [
            ("verdict", pyarrow.string()),
            ("flagged", pyarrow.bool_()),
            ("note", pyarrow.string()),
            ("tags", pyarrow.list_(pyarrow.string())),
        ]
    )
    schema = pyarrow.schema(
        [
            ("place", pyarrow.int64()),
            ("us", pyarrow.int64()),
            ("group_no", pyarrow.int64()),
            ("author", pyarrow.string()),
            ("source_id", pyarrow.string()),
            ("chosen_sha", pyarrow.string()),
            ("rejected_sha", pyarrow.string()),
            ("old", state),
            ("new", state),
            ("blind", pyarrow.bool_()),
        ]
    )
    cells = [(place, *_cells(row)) for place, row in enumerate(rows)]
    columns = zip(*cells, strict=True) if cells else ([] for _ in schema)
    return pyarrow.table(list(columns), schema=schema)


def check_row(row: LedgerRow) -> None:
    """Raises BadInput for a row that no mark can hold."""
    _cells(row)


def _cells(row: LedgerRow) -> tuple[Any, ...]:
    return (
        microseconds(row.time),
        _group(row.group),
        check_author(row.author),
        row.source_id,
        row.chosen_sha,
        row.rejected_sha,
        _cell(row.old),
        _cell(row.new),
        row.blind,
    )


def microseconds(seconds: float) -> int:
    if not 0 <= seconds < 1e11:  # until the year 5138; rejects NaN too
        raise BadInput(f"time = {seconds}: must be seconds since 1970")
    return round(seconds * 1_000_000)


def _group(number: int) -> int:
    if not 0 <= number < 2**63:
        raise BadInput("group must be an integer from 0 to 2^63 - 1")
    return number


def _cell(state: MarkState) -> dict[str, Any]:
    if state.verdict is not None and state.verdict not in VERDICTS:
        raise BadInput(f"verdict must be one of {', '.join(VERDICTS)}")
    check_change(MarkChange(note=state.note, add_tags=state.tags))
    return {
        "verdict": state.verdict,
        "flagged": state.flagged,
        "note": state.note,
        "tags": sorted(set(state.tags)),
    }
