"""The database: what is kept once, what is committed together, what is refused."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from engine.data import Pair, Reject
from engine.errors import Interrupted, MachineError
from engine.models.protocols import Labels, Rewards
from engine.store import Store, dataset, results
from engine.store.results import Batch
from tests.pairs import of_transcripts, put


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "seal.duckdb")
    yield opened
    opened.close()


def pair(number: int, chosen: str, rejected: str) -> Pair:
    said = "\n\nHuman: q\n\nAssistant: {}"
    sides = said.format(chosen), said.format(rejected)
    return of_transcripts(f"p{number}", number + 1, *sides)


def count(store: Store, table: str) -> int:
    return int(store.read(f"SELECT count(*) FROM {table}").fetchone()[0])


def rewards(values: list[float], problems: tuple[str | None, ...] | None = None) -> Rewards:
    n = len(values)
    return Rewards(
        np.array(values),
        np.ones(n, dtype=np.int32),
        np.zeros(n, dtype=bool),
        problems or (None,) * n,
    )


def singles(missing: Any) -> list[list[int]]:
    return [[unit] for unit in missing]


# ---------------------------------------------------------------- the dataset


def test_equal_texts_are_stored_once(store: Store) -> None:
    pairs = [pair(0, "a", "b"), pair(1, "a", "c"), pair(2, "b", "b")]
    put(store, "d", pairs)
    assert count(store, "texts") == 3
    ids = {row[0]: row[1:] for row in dataset.pair_texts(store)}
    assert ids[0][0] == ids[1][0], "the same chosen text"
    assert ids[0][1] == ids[2][0] == ids[2][1]
    assert [t.response for t in dataset.texts(store, [ids[0][1], ids[0][0]])] == ["b", "a"]


def test_a_replaced_dataset_keeps_the_texts_it_shares(store: Store) -> None:
    put(store, "one", [pair(0, "a", "b"), pair(1, "c", "d")])
    before = dict(store.read("SELECT sha256, text_id FROM texts").fetchall())
    put(store, "two", [pair(0, "c", "e")])
    after = dict(store.read("SELECT sha256, text_id FROM texts").fetchall())
    assert before.items() <= after.items()
    assert len(after) == 5
    assert count(store, "pairs") == 1
    assert dataset.has_dataset(store, "two")
    assert not dataset.has_dataset(store, "one")


def test_a_dataset_that_fails_leaves_the_one_before_untouched(store: Store) -> None:
    put(store, "one", [pair(0, "a", "b")])
    twice = [pair(0, "c", "d"), pair(0, "e", "f")]  # one id for two pairs
    with pytest.raises(duckdb.Error):
        put(store, "two", twice)
    assert dataset.has_dataset(store, "one")
    assert count(store, "pairs") == 1
    assert count(store, "texts") == 2


def test_rejects_are_kept_with_their_place_and_reason(store: Store) -> None:
    rejects = [
        Reject("f.jsonl", 3, "empty_response", "in chosen", "{…"),
        Reject("f.jsonl", 9, "empty_response", "in chosen", "{…"),
    ]
    put(store, "d", [pair(0, "a", "b"), *rejects])
    assert dataset.reject_counts(store) == {"empty_response": 2}


def test_source_keys_join_both_sides(store: Store) -> None:
    put(store, "d", [pair(0, "a", "b")])
    keys = dataset.source_keys(store)
    assert keys == {("p0", "chosen"): 0, ("p0", "rejected"): 1}


@pytest.mark.parametrize("odd", ["'; DROP TABLE texts; --", "\x00", "\x1b[2J", "🐈\u202e", '"'])
def test_any_text_comes_back_as_it_was(odd: str, store: Store) -> None:
    put(store, "d", [pair(0, f"x{odd}x", "b")])
    assert dataset.texts(store, [0])[0].response == f"x{odd}x"


# ---------------------------------------------------------------- plans and batches


def test_a_stored_plan_does_not_change(store: Store) -> None:
    first = results.plan(store, "score", "m", [3, 1, 2], lambda missing: [list(missing)])
    again = results.plan(store, "score", "m", [1, 2, 3], singles)
    assert first == again == [Batch(0, (3, 1, 2))]


def test_new_units_extend_a_plan_and_leave_its_batches(store: Store) -> None:
    asked: list[list[int]] = []

    def compose(missing: Any) -> list[list[int]]:
        asked.append(list(missing))
        return [list(missing)]

    results.plan(store, "score", "m", [1, 2], compose)
    extended = results.plan(store, "score", "m", [1, 2, 3, 4], compose)
    assert extended == [Batch(0, (1, 2)), Batch(1, (3, 4))]
    assert asked == [[1, 2], [3, 4]], "only what is missing is composed"


def test_batches_without_a_wanted_unit_are_left_out(store: Store) -> None:
    results.plan(store, "score", "m", [1, 2, 3], singles)
    assert results.plan(store, "score", "m", [2], singles) == [Batch(1, (2,))]


def test_plans_of_other_stages_and_producers_are_their_own(store: Store) -> None:
    results.plan(store, "score", "m", [1], singles)
    assert results.plan(store, "score", "other", [1, 2], lambda m: [list(m)]) == [Batch(0, (1, 2))]
    assert results.plan(store, "label", "m", [1, 2], lambda m: [list(m)]) == [Batch(0, (1, 2))]


def finish(store: Store, batch: Batch, put: Callable[[Any], None]) -> None:
    results.finish_batch(store, "score", "m", batch, 0.1, put)


def test_a_batch_is_done_together_with_its_results(store: Store) -> None:
    (batch,) = results.plan(store, "score", "m", [1, 2], lambda m: [list(m)])
    finish(store, batch, lambda c: results.put_scores(c, "m", [1, 2], rewards([0.5, -1.0])))
    assert results.done_batches(store, "score", "m") == {0}
    assert count(store, "scores") == 2


def test_a_batch_that_fails_half_way_is_not_done_and_leaves_nothing(store: Store) -> None:
    (batch,) = results.plan(store, "score", "m", [1, 2], lambda m: [list(m)])

    def put(cursor: Any) -> None:
        results.put_scores(cursor, "m", [1], rewards([0.5]))
        raise RuntimeError("the machine went away")

    with pytest.raises(RuntimeError):
        finish(store, batch, put)
    assert results.done_batches(store, "score", "m") == set()
    assert count(store, "scores") == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_reward_that_is_not_finite_is_refused_at_the_door(bad: float, store: Store) -> None:
    (batch,) = results.plan(store, "score", "m", [1, 2], lambda m: [list(m)])
    with pytest.raises(duckdb.Error):
        finish(store, batch, lambda c: results.put_scores(c, "m", [1, 2], rewards([1.0, bad])))
    assert count(store, "scores") == 0
    assert results.done_batches(store, "score", "m") == set()


def test_a_text_that_a_model_could_not_take_is_set_aside_with_the_reason(store: Store) -> None:
    put(store, "d", [pair(0, "a", "b")])
    results.put_producer(store, "m", "pre", "model", "{}")
    with store.write() as cursor:
        found = rewards([float("nan"), 1.0], ("the reward is not finite", None))
        results.put_scores(cursor, "m", [0, 1], found)
    assert count(store, "scores") == 1
    assert results.unusable_counts(store, range(100)) == {"the reward is not finite": 1}
    assert results.unusable_counts(store, [1]) == {}, "of other texts nothing is said"


def test_a_batch_of_which_nothing_is_usable_is_committed_too(store: Store) -> None:
    problems = ("no", "no")
    values = np.zeros((2, 3), dtype=np.int8)
    with store.write() as cursor:
        results.put_scores(cursor, "m", [0, 1], rewards([0.0, 0.0], problems))
        results.put_labels(cursor, "m", [0, 1], Labels(values, values.astype("f4"), problems))
        results.put_recorded_labels(cursor, "r", {})
    assert (count(store, "scores"), count(store, "labels"), count(store, "unusable")) == (0, 0, 2)


def test_the_same_result_twice_is_one_row(store: Store) -> None:
    for _ in range(2):
        with store.write() as cursor:
            results.put_scores(cursor, "m", [1, 1], rewards([1.0, 1.0]))
            results.put_similarities(cursor, "m", [(1, 2), (1, 2)], [0.5, 0.5])
    assert count(store, "scores") == 1
    assert count(store, "similarities") == 1


# ---------------------------------------------------------------- the file


def test_the_database_is_private(store: Store, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "seal.duckdb").stat().st_mode) == 0o600


def test_a_second_process_is_told_who_holds_the_database(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.store import Store\n"
        "store = Store(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    path = tmp_path / "seal.duckdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(MachineError) as caught:
            Store(path)
    finally:
        holder.communicate()
    assert str(path) in str(caught.value)
    assert f"process {holder.pid}" in str(caught.value)
    assert "\n" not in str(caught.value)
    Store(path).close()


def test_a_file_that_is_no_database_is_refused_as_what_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "block"  # the word lock in a path is not a lock
    folder.mkdir()
    path = folder / "seal.duckdb"
    path.write_bytes(b"not a database, whatever its name" * 200)
    with pytest.raises(MachineError) as caught:
        Store(path)
    assert str(path) in str(caught.value)
    assert "held by" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_whose_making_was_interrupted_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "seal.duckdb"
    duckdb.connect(str(path)).close()  # the file is there, its tables are not
    store = Store(path)
    assert count(store, "texts") == 0
    store.close()


def test_the_database_reaches_no_other_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for reach in (
        f"SELECT * FROM '{tmp_path}/secret.csv'",
        f"SELECT * FROM read_text('{tmp_path}/secret.csv')",
        f"ATTACH '{tmp_path}/other.duckdb'",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            store.read(reach)
    assert not (tmp_path / "other.duckdb").exists()
    assert not (tmp_path / "out.csv").exists()


def test_a_reader_that_is_stopped_ends_at_once_and_reads_no_more(store: Store) -> None:
    reading = store.reading()
    assert reading.rows("SELECT 1") == [(1,)]
    with ThreadPoolExecutor(1) as pool:
        pairs = "range(1_000_000) AS a, range(10_000_000) AS b"
        endless = f"SELECT count(*) FROM {pairs} WHERE a.range + b.range < 0"
        answer = pool.submit(reading.rows, endless)
        while not answer.done():
            reading.stop()  # before its statement began it would be in vain
            time.sleep(0.01)
        with pytest.raises(Interrupted):
            answer.result()
    with pytest.raises(Interrupted):
        reading.rows("SELECT 1")
    assert store.read("SELECT 2").fetchone() == (2,)
