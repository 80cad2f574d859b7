"""The decisions' log taken to another run: nothing twice, nothing lost, the latest counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data import Conversation
from engine.errors import BadInput
from engine.store import Store, marks, steps
from engine.store.dataset import content_key
from engine.store.ledger import Imported, LedgerRow, MarkState, import_ledger, ledger
from engine.store.marks import VERDICTS
from engine.wire.messages import MarkChange, MarkRequest, UndoRequest
from tests.engine.planted import pairs
from tests.pairs import put

COUNT = 4
Open = Callable[[], Store]


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Open]:
    opened: list[Store] = []

    def make() -> Store:
        store = Store(tmp_path / f"{len(opened)}.duckdb")
        put(store, "d", pairs(COUNT))
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()


def mark(store: Store, *ids: int, author: str = "ann", blind: bool = False, **change: Any) -> None:
    request = MarkRequest(pair_ids=ids, change=MarkChange(**change), author=author, blind=blind)
    assert marks.change(store, request, "s").changed


def bring(store: Store, rows: Any) -> tuple[int, int, int]:
    done = import_ledger(store, rows, "s")
    return done.applied, done.already_there, done.unknown


def state(store: Store) -> list[Any]:
    return list(store.read("SELECT * FROM pair_marks ORDER BY ALL").fetchall())


def some(store: Store) -> None:
    mark(store, 0, 1, 2, verdict="flip", note="why", add_tags=("a", "b"))
    mark(store, 1, verdict="drop", author="bo", blind=True)
    steps.undo(store, UndoRequest(author="ann"), "s")
    mark(store, 3, flag="on")


def test_a_row_says_who_when_what_and_of_which_texts(open_store: Open) -> None:
    store = open_store()
    some(store)
    rows = list(ledger(store))
    assert len(rows) == 3 + 1 + 3 + 1
    first, blind = rows[0], rows[3]
    pair = pairs(COUNT)[0]
    nothing = MarkState(verdict=None, flagged=False, note="", tags=())
    new = MarkState(verdict="flip", flagged=False, note="why", tags=("a", "b"))
    assert (first.source_id, first.old, first.new) == ("p0", nothing, new)
    assert first.chosen_sha == content_key(pair.chosen)
    assert first.rejected_sha == content_key(pair.rejected)
    assert (blind.author, blind.blind, first.blind) == ("bo", True, False)
    assert rows[0].group == rows[2].group != blind.group
    assert [row.time for row in rows] == sorted(row.time for row in rows)


def test_what_is_written_is_read_again_as_it_was(open_store: Open) -> None:
    """Through JSON and back every row is known again, to the microsecond."""
    store, other = open_store(), open_store()
    some(store)
    rows = list(ledger(store))
    again = [msgspec.json.decode(msgspec.json.encode(row), type=LedgerRow) for row in rows]
    assert again == rows
    assert bring(store, again) == (0, 8, 0)
    assert bring(other, again) == (8, 0, 0)
    assert bring(other, again) == (0, 8, 0)
    assert state(other) == state(store)
    taken = [msgspec.structs.replace(row, group=0) for row in ledger(other)]
    assert taken == [msgspec.structs.replace(row, group=0) for row in rows]
    assert bring(store, ledger(other)) == (0, 8, 0)


def test_a_row_that_comes_twice_in_a_file_is_applied_once(open_store: Open) -> None:
    store, other = open_store(), open_store()
    some(store)
    rows = list(ledger(store))
    assert bring(other, [*rows, *rows]) == (8, 8, 0)
    assert state(other) == state(store)


def test_pairs_that_are_not_here_or_read_otherwise_are_told(open_store: Open) -> None:
    store, other = open_store(), open_store()
    some(store)
    first, second, *rest = pairs(COUNT)
    changed = replace(second, rejected=Conversation(second.rejected.encoded + "!"))
    put(other, "other", [changed, *rest])
    assert import_ledger(other, ledger(store), "s") == Imported(
        applied=3, already_there=0, unknown=5, pairs=("p0", "p1")
    )
    assert [row[0] for row in state(other)] == [2], "p3 is the third here"
    put(other, "d", [first, second, *rest])
    assert bring(other, ledger(store)) == (5, 3, 0), "now they are here"
    assert state(other) == state(store)


def test_of_two_hosts_the_latest_decision_counts_on_both(open_store: Open) -> None:
    here, there = open_store(), open_store()
    mark(here, 0, verdict="keep")
    mark(there, 0, verdict="flip")
    mark(here, 0, 1, verdict="drop")
    first, second = list(ledger(here)), list(ledger(there))
    assert bring(there, first) == (3, 0, 0)
    assert bring(here, second) == (1, 0, 0)
    assert state(here) == state(there)
    assert [row[3] for row in state(here)] == ["drop", "drop"]


def test_an_import_is_no_step_to_undo_and_ends_those_before_it(open_store: Open) -> None:
    here, there = open_store(), open_store()
    mark(here, 0, verdict="keep")
    mark(here, 1, verdict="keep", author="bo")
    mark(there, 0, verdict="flip")
    bring(here, ledger(there))
    assert steps.undo(here, UndoRequest(author="ann"), "s").summary == "nothing to undo"
    assert steps.undo(here, UndoRequest(author="bo"), "s").changed == 1, (
        "nothing of this author came in"
    )
    mark(here, 0, verdict="drop")
    steps.undo(here, UndoRequest(author="ann"), "s")
    assert [row[3] for row in state(here)] == ["flip"]
    (event,) = [e for e in marks.log(here, 9) if e.summary == "imported"]
    assert (event.author, event.pairs, event.source_id) == ("ann", 1, "p0")


def test_an_empty_ledger_changes_nothing(open_store: Open) -> None:
    assert bring(open_store(), []) == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"author": "a\x1b"}, "author"),
        ({"new": MarkState(verdict=None, flagged=False, note="x" * 5_000, tags=())}, "note"),
        ({"new": MarkState(verdict=None, flagged=False, note="", tags=("a b",))}, "tag"),
        ({"new": MarkState(verdict="burn", flagged=False, note="", tags=())}, "verdict"),  # type: ignore[arg-type]
        ({"time": 1e300}, "time"),
        ({"time": float("nan")}, "time"),
        ({"time": -1.0}, "time"),
        ({"group": 2**70}, "group"),
    ],
)
def test_a_row_that_cannot_be_refuses_the_whole_file(
    change: dict[str, Any], words: str, open_store: Open
) -> None:
    store, other = open_store(), open_store()
    some(store)
    rows = list(ledger(store))
    rows[-1] = msgspec.structs.replace(rows[-1], **change)
    with pytest.raises(BadInput, match=words):
        import_ledger(other, rows, "s")
    assert state(other) == []
    assert marks.log(other, 9) == []


STEPS = st.tuples(
    st.integers(0, 1),
    st.sampled_from(["change", "change", "undo", "redo", "import"]),
    st.sampled_from(["ann", "bo"]),
    st.sets(st.integers(0, COUNT - 1), min_size=1),
    st.sampled_from(VERDICTS),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(taken=st.lists(STEPS, max_size=10))
def test_two_hosts_that_exchange_their_logs_come_to_the_same(
    taken: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("hosts")
    stores = [Store(folder / f"{host}.duckdb") for host in (0, 1)]
    try:
        for store in stores:
            put(store, "d", pairs(COUNT))
        for host, kind, author, ids, verdict in taken:
            if kind == "change":
                change = MarkChange(verdict=verdict)
                request = MarkRequest(pair_ids=tuple(ids), change=change, author=author)
                marks.change(stores[host], request, "s")
            elif kind == "import":
                import_ledger(stores[host], ledger(stores[1 - host]), "s")
            else:
                steps.undo(stores[host], UndoRequest(author=author), "s")
        for host in (0, 1, 0):
            import_ledger(stores[host], ledger(stores[1 - host]), "s")
        assert state(stores[0]) == state(stores[1])
        for host in (0, 1):
            assert bring(stores[host], ledger(stores[1 - host]))[0] == 0
    finally:
        for store in stores:
            store.close()
