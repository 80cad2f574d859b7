"""Decisions: what a change, an undo and a redo make of the marks, and how many see it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data import Conversation
from engine.errors import BadInput, NotFound
from engine.store import Store, actions, marks, results, saved_filters, steps
from engine.store.marks import VERDICTS
from engine.wire.messages import (
    MarkChange,
    MarkRequest,
    MarksChanged,
    RedoRequest,
    SaveFilter,
    UndoRequest,
)
from tests.engine.planted import pairs
from tests.pairs import put

STUDY = "digest"
COUNT = 6
AUTHORS = ("ann", "bo")

State = tuple[str | None, bool, str, tuple[str, ...]]
NOTHING: State = (None, False, "", ())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "seal.duckdb")
    put(opened, "d", pairs(COUNT))
    yield opened
    opened.close()


def mark(store: Store, *ids: int, author: str = "ann", **change: Any) -> MarksChanged:
    request = MarkRequest(pair_ids=ids, change=MarkChange(**change), author=author)
    return marks.change(store, request, STUDY)


def undo(store: Store, author: str = "ann") -> MarksChanged:
    return steps.undo(store, UndoRequest(author=author), STUDY)


def redo(store: Store, author: str = "ann") -> MarksChanged:
    return steps.redo(store, RedoRequest(author=author), STUDY)


def found(store: Store) -> dict[tuple[str, int], State]:
    rows = store.read("SELECT author, pair_id, verdict, flagged, note, tags FROM pair_marks")
    return {(a, i): (v, f, n, tuple(t)) for a, i, v, f, n, t in rows.fetchall()}


def verdicts(store: Store, author: str = "ann") -> dict[int, str | None]:
    return {pair: state[0] for (who, pair), state in found(store).items() if who == author}


def stored(store: Store) -> list[Any]:
    return list(store.read("SELECT * FROM marks ORDER BY ALL").fetchall())


# ---------------------------------------------------------------- what a change does


def test_a_mark_holds_what_was_said_of_it(store: Store) -> None:
    mark(store, 2, verdict="flip", flag="on", note="two\nlines \x1b[2J", add_tags=("b", "a", "b"))
    assert found(store) == {("ann", 2): ("flip", True, "two\nlines \x1b[2J", ("a", "b"))}
    mark(store, 2, remove_tags=("b",), add_tags=("c",))
    mark(store, 2, flag="toggle", note="")
    assert found(store) == {("ann", 2): ("flip", False, "", ("a", "c"))}


def test_a_mark_that_says_nothing_any_more_is_gone(store: Store) -> None:
    mark(store, 2, verdict="keep", flag="toggle")
    mark(store, 2, verdict="", flag="off")
    assert found(store) == {}
    undo(store)
    assert found(store) == {("ann", 2): ("keep", True, "", ())}


def test_a_change_of_many_is_one_step_and_says_how_many_it_changed(store: Store) -> None:
    mark(store, 1, verdict="flip")
    assert mark(store, *range(COUNT), verdict="flip") == MarksChanged(
        changed=COUNT - 1, summary="flip on 5 pairs (1 unchanged)", revision=2
    )
    assert undo(store) == MarksChanged(changed=5, summary="undone: flip on 5 pairs", revision=3)
    assert verdicts(store) == {1: "flip"}
    assert redo(store) == MarksChanged(changed=5, summary="redone: flip on 5 pairs", revision=4)
    assert verdicts(store) == dict.fromkeys(range(COUNT), "flip")


def test_what_changes_nothing_is_no_step(store: Store) -> None:
    mark(store, 0, verdict="keep")
    undo(store)
    for change in ({"verdict": ""}, {"flag": "off"}, {"remove_tags": ("x",)}, {"note": ""}, {}):
        assert mark(store, 0, **change).changed == 0
    assert mark(store, verdict="keep").changed == 0, "no pairs at all"
    assert redo(store).changed == 1, "still to be made again"


def test_nothing_to_undo_or_redo_is_said(store: Store) -> None:
    assert undo(store) == MarksChanged(changed=0, summary="nothing to undo")
    assert redo(store) == MarksChanged(changed=0, summary="nothing to redo")
    mark(store, 0, verdict="tie", author="bo")
    assert undo(store).changed == 0, "that was another author"


def test_a_new_change_ends_redo_for_its_author_alone(store: Store) -> None:
    for author in AUTHORS:
        mark(store, 0, author=author, verdict="keep")
        mark(store, 1, author=author, verdict="keep")
        undo(store, author)
    mark(store, 2, verdict="drop")
    assert redo(store).summary == "nothing to redo"
    undo(store)
    assert redo(store).changed == 1
    assert verdicts(store) == {0: "keep", 2: "drop"}, "the newer one, not the one that was ended"
    assert redo(store, "bo").changed == 1
    assert verdicts(store, "bo") == {0: "keep", 1: "keep"}


def test_a_pair_twice_in_a_request_is_changed_once(store: Store) -> None:
    assert mark(store, 3, 3, flag="toggle").changed == 1
    assert found(store) == {("ann", 3): (None, True, "", ())}


# ---------------------------------------------------------------- against a model


class Model:
    """Undo and redo as everyone knows them: whole states on two stacks for each author."""

    def __init__(self) -> None:
        self.state: dict[tuple[str, int], State] = {}
        self.done: dict[str, list[dict[int, tuple[State, State]]]] = {a: [] for a in AUTHORS}
        self.undone: dict[str, list[dict[int, tuple[State, State]]]] = {a: [] for a in AUTHORS}

    def change(self, author: str, ids: list[int], change: MarkChange) -> int:
        step = {}
        for i in set(ids):
            old = self.state.get((author, i), NOTHING)
            verdict, flagged, note, tags = old
            if change.verdict is not None:
                verdict = change.verdict or None
            if change.flag is not None:
                flagged = not flagged if change.flag == "toggle" else change.flag == "on"
            if change.note is not None:
                note = change.note
            kept = (set(tags) | set(change.add_tags)) - set(change.remove_tags)
            new = (verdict, flagged, note, tuple(sorted(kept)))
            if new != old:
                step[i] = (old, new)
        if step:
            self.done[author].append(step)
            self.undone[author].clear()
            self.put(author, {i: new for i, (_, new) in step.items()})
        return len(step)

    def undo(self, author: str) -> int:
        return self.move(author, self.done[author], self.undone[author], 0)

    def redo(self, author: str) -> int:
        return self.move(author, self.undone[author], self.done[author], 1)

    def move(self, author: str, source: list[Any], target: list[Any], side: int) -> int:
        if not source:
            return 0
        step = source.pop()
        target.append(step)
        self.put(author, {i: states[side] for i, states in step.items()})
        return len(step)

    def put(self, author: str, states: dict[int, State]) -> None:
        for i, state in states.items():
            self.state[author, i] = state
            if state == NOTHING:
                del self.state[author, i]


CHANGES = st.builds(
    MarkChange,
    verdict=st.sampled_from([None, "", *VERDICTS]),
    flag=st.sampled_from([None, None, "on", "off", "toggle"]),
    note=st.sampled_from([None, None, "", "why", "; --'"]),
    add_tags=st.lists(st.sampled_from(["a", "b"]), max_size=2).map(tuple),
    remove_tags=st.lists(st.sampled_from(["a", "b"]), max_size=1).map(tuple),
)
STEPS = st.tuples(
    st.sampled_from(["change", "change", "change", "undo", "undo", "redo", "reopen"]),
    st.sampled_from(["ann", "ann", "bo"]),
    st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=COUNT),
    CHANGES,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=4, max_size=24))
def test_any_sequence_of_two_authors_comes_to_what_a_naive_model_says(steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seal.duckdb"
        store, model = Store(path), Model()
        put(store, "d", pairs(COUNT))
        for kind, author, ids, change in steps:
            if kind == "reopen":
                store.close()
                store = Store(path)
            elif kind == "change":
                request = MarkRequest(pair_ids=tuple(ids), change=change, author=author)
                changed = marks.change(store, request, STUDY).changed
                assert changed == model.change(author, ids, change)
            else:
                changed = (undo if kind == "undo" else redo)(store, author).changed
                assert changed == getattr(model, kind)(author)
        assert found(store) == model.state
        before = stored(store)
        with store.write() as cursor:
            actions.rebuild(cursor)
        assert stored(store) == before
        store.close()


# ---------------------------------------------------------------- what is kept


def test_marks_follow_their_texts_when_the_dataset_is_read_in_anew(store: Store) -> None:
    mark(store, 0, 1, 2, verdict="drop")
    first, *others = pairs(COUNT)
    one = others[0]
    said_otherwise = replace(one, chosen=Conversation(one.chosen.encoded + "!"))
    put(store, "other", [*others[1:], said_otherwise])
    assert verdicts(store) == {0: "drop"}, "pair p2 is the first now; p0 went, p1 reads otherwise"
    assert undo(store).changed == 3, "of pairs that are away too"
    redo(store)
    put(store, "d", [first, *others])
    assert verdicts(store) == {0: "drop", 1: "drop", 2: "drop"}


def test_the_log_only_grows(store: Store) -> None:
    def rows() -> list[Any]:
        query = "SELECT * FROM decisions JOIN actions USING (action_no) ORDER BY ALL"
        return list(store.read(query).fetchall())

    seen: list[Any] = []
    for step in (
        lambda: mark(store, 0, 1, verdict="keep"),
        lambda: mark(store, 1, verdict="", author="ann"),
        lambda: undo(store),
        lambda: undo(store),
        lambda: redo(store),
        lambda: mark(store, 5, note="x", author="bo"),
    ):
        step()
        now = rows()
        assert len(now) > len(seen)
        assert now[: len(seen)] == seen
        seen = now


def test_a_clock_that_is_set_back_does_not_make_an_old_decision_the_latest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(store, 0, verdict="keep")
    monkeypatch.setattr(actions.time, "time_ns", lambda: 5_000)
    mark(store, 0, verdict="flip")
    undo(store)
    redo(store)
    before = stored(store)
    with store.write() as cursor:
        actions.rebuild(cursor)
    assert stored(store) == before
    assert verdicts(store) == {0: "flip"}


def test_a_clock_that_jumps_a_decade_and_back_does_not_change_the_order_of_decisions(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = actions.time.time_ns()
    decade = 10 * 365 * 86_400 * 10**9
    for clock, verdict in (
        (now, "keep"),
        (now + decade, "drop"),
        (now - decade, "tie"),
        (now, "flip"),
    ):
        monkeypatch.setattr(actions.time, "time_ns", lambda clock=clock: clock)
        mark(store, 0, verdict=verdict)
    assert verdicts(store) == {0: "flip"}
    with store.write() as cursor:
        actions.rebuild(cursor)
    assert verdicts(store) == {0: "flip"}
    undo(store)
    assert verdicts(store) == {0: "tie"}


def test_marks_are_made_while_a_run_writes(store: Store) -> None:
    ids = list(range(2 * COUNT))
    batches = results.plan(store, "score", "m", ids, lambda missing: [[unit] for unit in missing])

    def run() -> None:
        for batch in batches:
            results.finish_batch(store, "score", "m", batch, 0.0, lambda cursor: None)

    running = threading.Thread(target=run)
    running.start()
    for i in range(COUNT):
        mark(store, i, verdict="keep")
    running.join()
    assert len(results.done_batches(store, "score", "m")) == len(batches)
    assert len(verdicts(store)) == COUNT


# ---------------------------------------------------------------- reading


def test_the_log_for_people_has_the_newest_first_and_many_pairs_in_one_line(store: Store) -> None:
    mark(store, 4, verdict="tie")
    mark(store, 0, 1, 2, verdict="flip", flag="on", author="bo")
    undo(store, "bo")
    events = marks.log(store, 10)
    assert [(e.author, e.summary, e.pairs, e.source_id) for e in events] == [
        ("bo", "undone: flip, flag", 3, ""),
        ("bo", "flip, flag", 3, ""),
        ("ann", "tie", 1, "p4"),
    ]
    assert marks.log(store, 1) == events[:1]
    for limit in (0, -1, 10_001):
        with pytest.raises(BadInput, match="limit"):
            marks.log(store, limit)


def test_progress_counts_the_authors_own_decisions_among_these_pairs(store: Store) -> None:
    mark(store, 0, 1, verdict="keep")
    mark(store, 2, 3, flag="on")
    mark(store, 3, verdict="drop", author="bo")
    progress = marks.progress(store, [1, 2, 3], "ann")
    assert (progress.pairs, progress.decided, progress.flagged) == (3, 1, 2)
    assert progress.verdicts == {"keep": 1, "flip": 0, "drop": 0, "tie": 0, "discuss": 0}
    assert marks.progress(store, [], "ann").pairs == 0


def test_agreement_is_that_of_scikit_learn(store: Store) -> None:
    from sklearn.metrics import cohen_kappa_score

    a = ["keep", "flip", "drop", "keep", "tie"]
    b = ["keep", "keep", "drop", "discuss", "tie"]
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        mark(store, i, verdict=x)
        mark(store, i, verdict=y, author="bo")
    mark(store, 5, verdict="keep")  # only one of them decided
    mark(store, 5, flag="on", author="bo")
    (found,) = marks.agreement(store)
    assert (found.author_a, found.author_b, found.pairs) == ("ann", "bo", 5)
    assert found.agreement == pytest.approx(3 / 5)
    assert found.kappa == pytest.approx(cohen_kappa_score(a, b))


def test_agreement_has_no_value_where_there_is_none(store: Store) -> None:
    assert marks.agreement(store) == []
    mark(store, 0, verdict="keep")
    mark(store, 0, verdict="keep", author="bo")
    mark(store, 1, verdict="keep", author="cy")
    found = {(a.author_a, a.author_b): a for a in marks.agreement(store)}
    both = found["ann", "bo"]
    assert (both.pairs, both.agreement, both.kappa) == (1, 1.0, None), "both always said keep"
    apart = found["ann", "cy"]
    assert (apart.pairs, apart.agreement, apart.kappa) == (0, None, None)


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize("author", ["", "  ", "x" * 65, "a\x1b[2J", "a\nb", "a\u202eb"])
def test_an_author_that_cannot_be_is_refused(author: str, store: Store) -> None:
    for act in (lambda: mark(store, 0, author=author, verdict="keep"), lambda: undo(store, author)):
        with pytest.raises(BadInput, match="author"):
            act()
    with pytest.raises(BadInput, match="author"):
        marks.progress(store, [0], author)


@pytest.mark.parametrize("tag", ["", "two words", "x" * 41, "-a", "a\x00", "a\u202e", "[b]"])
def test_a_tag_that_is_not_a_word_is_refused(tag: str, store: Store) -> None:
    for change in ({"add_tags": (tag,)}, {"remove_tags": (tag,)}):
        with pytest.raises(BadInput, match="tag"):
            mark(store, 0, **change)
    mark(store, 0, add_tags=("größer_2-b",))


def test_a_note_has_its_length(store: Store) -> None:
    mark(store, 0, note="x" * 4_000)
    with pytest.raises(BadInput, match="4,001"):
        mark(store, 0, note="x" * 4_001)


@pytest.mark.parametrize("pair_id", [COUNT, -1, 2**31, 2**70])
def test_a_pair_that_there_is_not_changes_nothing(pair_id: int, store: Store) -> None:
    with pytest.raises(NotFound, match=f"no pair {pair_id}$"):
        mark(store, 0, pair_id, verdict="keep")
    assert found(store) == {}
    assert marks.log(store, 5) == []


# ---------------------------------------------------------------- saved filters


def test_numbers_of_a_dataset_that_was_replaced_decide_nothing(store: Store) -> None:
    request = MarkRequest(
        pair_ids=(1,), change=MarkChange(verdict="flip"), author="ann", dataset="d"
    )
    assert marks.change(store, request, STUDY).changed == 1
    put(store, "another", pairs(COUNT))
    with pytest.raises(BadInput, match="dataset has changed"):
        marks.change(store, request, STUDY)
    assert verdicts(store) == {1: "flip"}


def test_filters_are_kept_by_name_replaced_and_taken_away(store: Store) -> None:
    saved_filters.save(store, SaveFilter(name="worst", filter=" regime:resisted "))
    saved_filters.save(store, SaveFilter(name="a-b_2", filter="margin<0 '; DROP TABLE filters"))
    saved_filters.save(store, SaveFilter(name="worst", filter="regime:got"))
    assert [(f.name, f.filter) for f in saved_filters.saved(store)] == [
        ("a-b_2", "margin<0 '; DROP TABLE filters"),
        ("worst", "regime:got"),
    ]
    saved_filters.save(store, SaveFilter(name="worst", filter=" "))
    saved_filters.save(store, SaveFilter(name="nobody", filter=""))
    assert [f.name for f in saved_filters.saved(store)] == ["a-b_2"]


@pytest.mark.parametrize("name", ["", "two words", "2nd", "x" * 41, "a\n", "ä", "a:b", "\x1b"])
def test_a_filter_name_that_cannot_be_is_refused(name: str, store: Store) -> None:
    with pytest.raises(BadInput, match="name"):
        saved_filters.save(store, SaveFilter(name=name, filter="x"))


def test_a_filter_has_its_length(store: Store) -> None:
    with pytest.raises(BadInput, match="4,001"):
        saved_filters.save(store, SaveFilter(name="long", filter="x" * 4_001))
