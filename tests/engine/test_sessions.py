"""Several clients of one engine: a change names the state it was made on, undo is of one client."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import BadInput, Conflict
from engine.store import Store, actions, marks, steps
from engine.store.ledger import import_ledger, ledger
from engine.store.recovery import open_store, recover
from engine.wire.messages import MarkChange, MarkRequest, MarksChanged, RedoRequest, UndoRequest
from tests.engine.planted import pairs
from tests.pairs import put

COUNT = 4
VERDICTS = ("keep", "flip", "drop")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path)) as opened:
        put(opened, "d", pairs(COUNT))
        yield opened


def mark(
    store: Store, session: str, *ids: int, seen: int | None, author: str = "ann", **change: Any
) -> MarksChanged:
    request = MarkRequest(
        pair_ids=ids, change=MarkChange(**change), author=author, session=session, seen=seen
    )
    return marks.change(store, request, "s")


def undo(store: Store, session: str, author: str = "ann", action: int | None = None) -> Any:
    return steps.undo(store, UndoRequest(author=author, session=session, action=action), "s")


def redo(store: Store, session: str, author: str = "ann") -> MarksChanged:
    return steps.redo(store, RedoRequest(author=author, session=session), "s")


def verdicts(store: Store, author: str = "ann") -> dict[int, str]:
    rows = store.read("SELECT pair_id, verdict FROM pair_marks WHERE author = ?", [author])
    return dict(rows.fetchall())


# ---------------------------------------------------------------- a change names its state


def test_a_decision_about_what_was_decided_elsewhere_meanwhile_is_refused(store: Store) -> None:
    mark(store, "left", 1, 2, seen=0, verdict="drop")
    with pytest.raises(Conflict, match=r"pair p1 was .*“drop” by ann in another session at 20\d\d"):
        mark(store, "right", 0, 1, seen=0, verdict="keep")
    with pytest.raises(Conflict, match=r"pair p1 and 1 more were"):
        mark(store, "right", 1, 2, seen=0, note="why")
    assert verdicts(store) == {1: "drop", 2: "drop"}, "nothing of it was saved"
    assert mark(store, "right", 0, 1, seen=1, verdict="keep").revision == 2, "seen by now"


def test_what_cannot_conflict_is_accepted(store: Store) -> None:
    mark(store, "left", 1, seen=0, verdict="drop")
    assert mark(store, "right", 1, seen=0, verdict="keep", author="bo").changed, "another author"
    assert mark(store, "right", 2, seen=0, verdict="keep").changed, "another pair"
    assert not mark(store, "right", 1, seen=0, verdict="drop").changed, "the same decision"
    assert mark(store, "left", 1, seen=0, verdict="tie").changed, "its own earlier change"
    undo(store, "left")
    undo(store, "left")
    assert mark(store, "right", 1, seen=0, verdict="keep").changed, "what it saw is there again"
    assert mark(store, "right", 1, seen=0, verdict="flip").changed, "its own change since"
    assert mark(store, "left", 1, seen=None, verdict="tie").changed, "nothing was compared"


def test_an_import_is_somebody_elses_change(store: Store, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with closing(open_store(tmp_path / "other")) as other:
        put(other, "d", pairs(COUNT))
        mark(other, "there", 1, seen=None, verdict="flip")
        import_ledger(store, list(ledger(other)), "s")
    with pytest.raises(Conflict, match="“imported” by ann from a ledger"):
        mark(store, "", 1, seen=0, verdict="keep")


def test_a_session_is_a_short_name(store: Store) -> None:
    for name in ("x" * 65, "a\x1b[2J"):
        with pytest.raises(BadInput, match="session must be at most 64 printable characters"):
            mark(store, name, 1, seen=None, verdict="flip")


# ---------------------------------------------------------------- undo is of one client


def test_undo_takes_back_only_what_the_session_did(store: Store) -> None:
    mark(store, "left", 0, seen=0, verdict="keep")
    mark(store, "right", 1, seen=1, verdict="flip")
    done = undo(store, "left")
    assert (done.changed, done.summary) == (1, "undone: keep on pair p0")
    assert verdicts(store) == {1: "flip"}
    assert undo(store, "left").changed == 0
    assert redo(store, "right").summary == "nothing to redo"
    assert redo(store, "left").summary == "redone: keep on pair p0"


def test_undo_of_a_pair_that_was_changed_elsewhere_says_by_whom(store: Store) -> None:
    mark(store, "left", 0, 1, seen=0, verdict="keep")
    mark(store, "right", 1, seen=1, verdict="flip")
    with pytest.raises(Conflict, match=r"cannot undo “keep”: pair p1 was changed since: “flip” by"):
        undo(store, "left")
    assert verdicts(store) == {0: "keep", 1: "flip"}
    undo(store, "right")
    assert undo(store, "left").changed == 2, "nothing is in the way any more"
    mark(store, "right", 0, seen=4, verdict="tie")
    with pytest.raises(Conflict, match="cannot redo “keep”: pair p0 was"):
        redo(store, "left")


def test_a_new_session_is_offered_what_was_done_before_it(store: Store) -> None:
    mark(store, "left", 0, seen=0, verdict="keep")
    mark(store, "left", 1, 2, seen=1, verdict="drop")
    offered = undo(store, "new").elsewhere
    assert (offered.number, offered.summary, offered.pairs) == (1, "drop", 2)
    assert verdicts(store) == {0: "keep", 1: "drop", 2: "drop"}, "only offered"
    assert undo(store, "new", action=offered.number).changed == 2
    with pytest.raises(Conflict, match="change 1 of ann is not in effect"):
        undo(store, "left", action=1)
    assert redo(store, "left").changed == 0, "the other one took it back"
    assert redo(store, "new").changed == 2
    assert undo(store, "new").changed == 2, "its own by now"
    assert undo(store, "new", "bo").elsewhere is None, "of another author"


def test_sessions_outlive_the_database(tmp_path: Path, store: Store) -> None:
    mark(store, "left", 0, seen=0, verdict="keep")
    mark(store, "right", 1, seen=1, verdict="flip")
    store.close()
    recover(tmp_path, force=True)
    with closing(open_store(tmp_path)) as again:
        put(again, "d", pairs(COUNT))
        assert undo(again, "left").summary == "undone: keep on pair p0"
        assert verdicts(again) == {1: "flip"}


def test_the_log_since_a_revision_names_the_sessions(store: Store) -> None:
    mark(store, "left", 0, seen=0, verdict="keep")
    at = actions.revision(store)
    mark(store, "right", 0, seen=1, verdict="drop")
    undo(store, "right")
    events = marks.log(store, 10, after=at)
    assert [(e.number, e.session, e.summary) for e in events] == [
        (2, "right", "undone: drop"),
        (1, "right", "drop"),
    ]


# ---------------------------------------------------------------- against a model


class Model:
    """One author's decisions in several sessions: for each pair the changes in effect, in order.

    A change is undone, or made again, only where it is on top of all of its pairs.
    """

    def __init__(self) -> None:
        self.above: dict[int, list[int]] = {i: [] for i in range(COUNT)}
        self.verdict: dict[int, str] = {}  # by change
        self.pairs: dict[int, list[int]] = {}
        self.below: dict[int, dict[int, list[int]]] = {}
        self.done: dict[str, list[int]] = {}
        self.undone: dict[str, list[int]] = {}
        self.states: list[dict[int, str]] = [{}]  # by revision
        self.touched: dict[int, list[str]] = {i: [""] for i in range(COUNT)}  # by revision

    @property
    def state(self) -> dict[int, str]:
        return {i: self.verdict[stack[-1]] for i, stack in self.above.items() if stack}

    def step(self, session: str, ids: list[int]) -> None:
        self.states.append(self.state)
        for i, touched in self.touched.items():
            touched.append(session if i in ids else "")

    def change(self, session: str, ids: list[int], verdict: str, seen: int) -> int | None:
        changed = [i for i in set(ids) if self.state.get(i) != verdict]
        for i in changed:
            mine = [r for r, who in enumerate(self.touched[i]) if who == session]
            since = max([seen, *mine])
            others = [r for r in range(since + 1, len(self.states)) if self.touched[i][r]]
            if others and self.states[others[0] - 1].get(i) != self.state.get(i):
                return None
        if changed:
            number = len(self.states)
            self.verdict[number], self.pairs[number] = verdict, changed
            self.below[number] = {i: list(self.above[i]) for i in changed}
            for i in changed:
                self.above[i].append(number)
            self.done.setdefault(session, []).append(number)
            self.undone[session] = []
            self.step(session, changed)
        return len(changed)

    def undo(self, session: str) -> int | None:
        if not (mine := self.done.get(session)):
            return 0
        number = mine[-1]
        if any(self.above[i][-1] != number for i in self.pairs[number]):
            return None
        for i in self.pairs[number]:
            self.above[i].pop()
        self.undone.setdefault(session, []).append(mine.pop())
        self.step(session, self.pairs[number])
        return len(self.pairs[number])

    def redo(self, session: str) -> int | None:
        if not (mine := self.undone.get(session)):
            return 0
        number = mine[-1]
        if any(self.above[i] != below for i, below in self.below[number].items()):
            return None
        for i in self.pairs[number]:
            self.above[i].append(number)
        self.done.setdefault(session, []).append(mine.pop())
        self.step(session, self.pairs[number])
        return len(self.pairs[number])


STEPS = st.tuples(
    st.sampled_from(["change", "change", "undo", "undo", "redo"]),
    st.sampled_from(["a", "b", "c"]),
    st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=3),
    st.sampled_from(VERDICTS),
    st.integers(0, 6),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(STEPS, min_size=4, max_size=20))
def test_any_interleaving_of_three_sessions_comes_to_what_a_model_says(taken: list[Any]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Store(Path(folder) / "seal.duckdb")) as store,
    ):
        put(store, "d", pairs(COUNT))
        model = Model()
        for kind, session, ids, verdict, behind in taken:
            seen = max(0, len(model.states) - 1 - behind)
            done: int | None
            try:
                if kind == "change":
                    made = mark(store, session, *ids, seen=seen, verdict=verdict)
                else:
                    made = (undo if kind == "undo" else redo)(store, session)
                done = made.changed
            except Conflict:
                done = None
            if kind == "change":
                assert done == model.change(session, ids, verdict, seen)
            else:
                assert done == getattr(model, kind)(session)
            assert verdicts(store) == model.state
            assert actions.revision(store) == len(model.states) - 1
