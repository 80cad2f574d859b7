"""Stored plans, batches, and the results of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from engine.models.protocols import Labels, Rewards
from engine.store.database import Store, insert, rows


@dataclass(frozen=True)
class Batch:
    """Units (text ids) that are computed and committed together."""

    number: int
    units: tuple[int, ...]


def put_producer(store: Store, producer: str, role: str, model: str, fingerprint: str) -> None:
    """Record the producer of a role in the current study. Results of other producers stay."""
    with store.write() as cursor:
        cursor.execute(
            "INSERT OR REPLACE INTO producers VALUES (?, ?, ?, ?)",
            [producer, role, model, fingerprint],
        )
        cursor.execute("INSERT OR REPLACE INTO roles VALUES (?, ?)", [role, producer])


def drop_roles_except(store: Store, roles: Sequence[str]) -> None:
    with store.write() as cursor:
        cursor.execute("DELETE FROM roles WHERE role NOT IN (SELECT unnest(?))", [list(roles)])


def roles(store: Store) -> dict[str, str]:
    """Role → producer, in the run that began last."""
    return dict(store.read("SELECT role, producer FROM roles ORDER BY role").fetchall())


def plan(
    store: Store,
    stage: str,
    producer: str,
    units: Sequence[int],
    compose: Callable[[Sequence[int]], list[list[int]]],
) -> list[Batch]:
    """The complete stored plan of a stage. Units that are not planned yet are batched and added.

    A stored batch never changes, so a resumed run computes the same batches as one that was never
    stopped.
    """
    stored = store.read(
        "SELECT batch_no, units FROM batches WHERE stage = ? AND producer = ? ORDER BY batch_no",
        [stage, producer],
    ).fetchall()
    batches = [Batch(number, tuple(members)) for number, members in stored]
    planned = {unit for batch in batches for unit in batch.units}
    missing = [unit for unit in units if unit not in planned]
    if missing:
        fresh = [
            Batch(len(batches) + at, tuple(members)) for at, members in enumerate(compose(missing))
        ]
        with store.write() as cursor:
            for batch in fresh:
                cursor.execute(
                    "INSERT INTO batches (stage, producer, batch_no, units) VALUES (?, ?, ?, ?)",
                    [stage, producer, batch.number, list(batch.units)],
                )
        batches += fresh
    current = set(units)
    return [batch for batch in batches if current.intersection(batch.units)]


def done_batches(store: Store, stage: str, producer: str) -> set[int]:
    batches = store.read(
        "SELECT batch_no FROM batches WHERE stage = ? AND producer = ? AND done", [stage, producer]
    ).fetchall()
    return {number for (number,) in batches}


def done_units(store: Store, stage: str) -> int:
    """How many units a stage has finished, by any producer."""
    query = "SELECT coalesce(sum(len(units)), 0) FROM batches WHERE stage = ? AND done"
    ((units,),) = store.read(query, [stage]).fetchall()
    return int(units)


def done_texts(store: Store, stage: str, producer: str) -> tuple[set[str], set[str]]:
    """Content keys of the texts that a stage has finished, by this producer and by any other."""
    texts = store.read(
        "SELECT t.sha256, b.producer = ? FROM "
        "(SELECT producer, unnest(units) AS text_id FROM batches WHERE stage = ? AND done) AS b "
        "JOIN texts AS t USING (text_id)",
        [producer, stage],
    ).fetchall()
    return {key for key, mine in texts if mine}, {key for key, mine in texts if not mine}


def accepted_rewrites(store: Store, producer: str, strategy: str) -> dict[str, str]:
    """Content key of an original → that of its accepted rewrite."""
    pairs = store.read(
        "SELECT o.sha256, n.sha256 FROM rewrites AS r JOIN texts AS o USING (text_id) "
        "JOIN texts AS n ON n.text_id = r.rewritten_id WHERE r.producer = ? AND r.strategy = ?",
        [producer, strategy],
    ).fetchall()
    return dict(pairs)


def finish_batch(
    store: Store,
    stage: str,
    producer: str,
    batch: Batch,
    seconds: float,
    put: Callable[[Any], None],
) -> None:
    """Store a batch's results and mark it done, in one transaction."""
    with store.write() as cursor:
        put(cursor)
        cursor.execute(
            "UPDATE batches SET done = TRUE, seconds = ? "
            "WHERE stage = ? AND producer = ? AND batch_no = ?",
            [seconds, stage, producer, batch.number],
        )


def split_batch(
    store: Store,
    stage: str,
    producer: str,
    batch: Batch,
    rest: Sequence[int],
    seconds: float,
    put: Callable[[Any], None],
) -> None:
    """Store the results of a part of a batch, in one transaction, and make `rest`, which has none
    yet, a batch of its own. Only for results that do not depend on their batch."""
    left = set(rest)
    done = [unit for unit in batch.units if unit not in left]
    with store.write() as cursor:
        put(cursor)
        cursor.execute(
            "INSERT INTO batches (stage, producer, batch_no, units) SELECT ?, ?, count(*), ? "
            "FROM batches WHERE stage = ? AND producer = ?",
            [stage, producer, list(rest), stage, producer],
        )
        cursor.execute(
            "UPDATE batches SET done = TRUE, seconds = ?, units = ? "
            "WHERE stage = ? AND producer = ? AND batch_no = ?",
            [seconds, done, stage, producer, batch.number],
        )


def put_labels(cursor: Any, producer: str, ids: Sequence[int], labels: Labels) -> None:
    good = [i for i, problem in enumerate(labels.problems) if problem is None]
    insert(
        cursor,
        "labels",
        {
            "producer": [producer] * len(good),
            "text_id": [ids[i] for i in good],
            "values": labels.values[good].astype(np.int64).tolist(),
            "scores": labels.scores[good].astype(np.float64).tolist(),
        },
        ignore=True,
    )
    put_unusable(cursor, producer, ids, labels.problems)


def put_recorded_labels(cursor: Any, producer: str, values: dict[int, list[int]]) -> None:
    """Labels from a file: text_id → values. They have no scores."""
    insert(
        cursor,
        "labels",
        {
            "producer": [producer] * len(values),
            "text_id": list(values),
            "values": list(values.values()),
            "scores": [[] for _ in values],
        },
        ignore=True,
    )


def put_scores(cursor: Any, producer: str, ids: Sequence[int], rewards: Rewards) -> None:
    good = [i for i, problem in enumerate(rewards.problems) if problem is None]
    insert(
        cursor,
        "scores",
        {
            "producer": [producer] * len(good),
            "text_id": [ids[i] for i in good],
            "reward": rewards.rewards[good],
            "tokens": rewards.tokens[good],
            "truncated": rewards.truncated[good],
        },
        ignore=True,
    )
    put_unusable(cursor, producer, ids, rewards.problems)


def put_rescored(cursor: Any, producer: str, ids: Sequence[int], rewards: Rewards) -> None:
    good = [i for i, problem in enumerate(rewards.problems) if problem is None]
    columns = {
        "producer": [producer] * len(good),
        "text_id": [ids[i] for i in good],
        "reward": rewards.rewards[good],
    }
    insert(cursor, "rescored", columns, ignore=True)


def scored_twice(store: Store, producer: str) -> bool:
    """Whether this scorer scored any text twice, so that its noise can be measured."""
    query = "SELECT 1 FROM rescored WHERE producer = ? LIMIT 1"
    return store.read(query, [producer]).fetchone() is not None


class Noise(NamedTuple):
    """`floor`: the largest difference between two rewards of one text; `compared`: how many texts
    were scored twice."""

    floor: float
    compared: int


def noise(store: Store, producer: str, texts: Sequence[int]) -> Noise:
    """The noise over these texts; (0, 0) if none was scored twice."""
    query = (
        "SELECT coalesce(max(abs(s.reward - r.reward)), 0), count(*) FROM rescored AS r "
        "JOIN scores AS s USING (producer, text_id) "
        "WHERE producer = ? AND text_id IN (SELECT unnest(?))"
    )
    floor, compared = store.read(query, [producer, list(texts)]).fetchone()
    return Noise(float(floor), int(compared))


def median_margin(store: Store, producer: str) -> float | None:
    """The median distance between the rewards of the two sides of a pair; None without any pair."""
    query = (
        "SELECT median(abs(c.reward - r.reward)) FROM pairs AS p "
        "JOIN scores AS c ON c.producer = $producer AND c.text_id = p.chosen_id "
        "JOIN scores AS r ON r.producer = $producer AND r.text_id = p.rejected_id "
        "WHERE p.chosen_id <> p.rejected_id"
    )
    (margin,) = store.read(query, {"producer": producer}).fetchone()
    return None if margin is None else float(margin)


def put_unusable(
    cursor: Any, producer: str, ids: Sequence[int], problems: Sequence[str | None]
) -> None:
    bad = {i: problem for i, problem in zip(ids, problems, strict=True) if problem is not None}
    if bad:
        columns = {
            "producer": [producer] * len(bad),
            "text_id": list(bad),
            "reason": list(bad.values()),
        }
        insert(cursor, "unusable", columns, ignore=True)


class Rewrite(NamedTuple):
    """The rewrite of a text: the model's output, why it was refused, and the id of the new entry.
    One of the last two is None."""

    text_id: int
    raw: str
    refused: str | None
    rewritten_id: int | None


def put_rewrites(cursor: Any, producer: str, strategy: str, rewrites: Sequence[Rewrite]) -> None:
    insert(
        cursor,
        "rewrites",
        {
            "producer": [producer] * len(rewrites),
            "strategy": [strategy] * len(rewrites),
            **{name: [getattr(row, name) for row in rewrites] for name in Rewrite._fields},
        },
        ignore=True,
    )


def put_similarities(
    cursor: Any, producer: str, pairs: Sequence[tuple[int, int]], cosines: Any
) -> None:
    insert(
        cursor,
        "similarities",
        {
            "producer": [producer] * len(pairs),
            "text_id": [a for a, _ in pairs],
            "rewritten_id": [b for _, b in pairs],
            "cosine": cosines,
        },
        ignore=True,
    )


class Rewritten(NamedTuple):
    """An accepted rewrite: its strategy, the original text, and the id of the new entry."""

    strategy: str
    text_id: int
    rewritten_id: int


def rewritten(store: Store, writers: Mapping[str, str], texts: Sequence[int]) -> list[Rewritten]:
    """The accepted rewrites of these texts, in a fixed order. `writers`: strategy → producer."""
    cursor = store.read(
        "SELECT r.strategy, r.text_id, r.rewritten_id FROM rewrites AS r JOIN "
        "(SELECT unnest(?) AS strategy, unnest(?) AS producer) AS w USING (strategy, producer) "
        "WHERE r.rewritten_id IS NOT NULL AND r.text_id IN (SELECT unnest(?)) "
        "ORDER BY r.strategy, r.text_id",
        [list(writers), list(writers.values()), list(texts)],
    )
    return rows(cursor, Rewritten)


def refusals(store: Store, writers: Mapping[str, str], texts: Sequence[int]) -> dict[str, int]:
    """The refused rewrites of these texts: reason → count. `writers`: strategy → producer."""
    counts = store.read(
        "SELECT r.refused, count(*) FROM rewrites AS r JOIN "
        "(SELECT unnest(?) AS strategy, unnest(?) AS producer) AS w USING (strategy, producer) "
        "WHERE r.refused IS NOT NULL AND r.text_id IN (SELECT unnest(?)) "
        "GROUP BY r.refused ORDER BY r.refused",
        [list(writers), list(writers.values()), list(texts)],
    ).fetchall()
    return dict(counts)


def unusable_counts(store: Store, texts: Sequence[int]) -> dict[str, int]:
    """The texts that a model of the current study could not process: reason → count."""
    counts = store.read(
        "SELECT reason, count(DISTINCT text_id) FROM unusable "
        "WHERE producer IN (SELECT producer FROM roles) "
        "AND text_id IN (SELECT unnest(?)) GROUP BY reason ORDER BY reason",
        [list(texts)],
    ).fetchall()
    return dict(counts)


def set_aside(store: Store, producer: str, texts: Sequence[int]) -> dict[str, int]:
    """The texts that this model could not process: reason → count."""
    counts = store.read(
        "SELECT reason, count(*) FROM unusable WHERE producer = ? "
        "AND text_id IN (SELECT unnest(?)) GROUP BY reason ORDER BY reason",
        [producer, list(texts)],
    ).fetchall()
    return dict(counts)


def truncated(store: Store, producers: Sequence[str]) -> int:
    """The number of entries in the dataset that any of these reward models truncated."""
    query = (
        "SELECT count(DISTINCT s.text_id) FROM scores AS s "
        "JOIN pairs AS p ON s.text_id IN (p.chosen_id, p.rejected_id) "
        "WHERE s.truncated AND s.producer IN (SELECT unnest(?))"
    )
    (count,) = store.read(query, [list(producers)]).fetchone()
    return int(count)
