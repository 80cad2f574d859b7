"""Reads the arrays that the measures are computed from, and stores the metric tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.paper.inputs import MISSING, Feature, Labels, Pairs, Rewrites, no_rewrites
from engine.paper.measures import PairFacts
from engine.results import flat
from engine.results.records import Tables
from engine.store.database import MEASURED, Store, sql

_ANSWERS = ("chosen", "rejected", "tied")


def _arrow(store: Store, name: str, parameters: dict[str, Any]) -> Any:
    return store.arrow(sql(name), parameters)


def _matrix(column: Any, width: int) -> NDArray[np.int8]:
    """A column of label lists as int8 [n, width]; an absent list is all MISSING."""
    rows = np.full((len(column), width), MISSING, dtype=np.int8)
    present = np.asarray(column.is_valid())
    flat = column.drop_null().combine_chunks().flatten()
    rows[present] = np.asarray(flat, dtype=np.int8).reshape(-1, width)
    return rows


def _two(table: Any, left: str, right: str) -> NDArray[np.float64]:
    return np.column_stack([np.asarray(table[left]), np.asarray(table[right])]).astype(np.float64)


def pairs(store: Store, roles: dict[str, str], features: Sequence[Feature]) -> Pairs:
    """The pairs that have all four rewards, with the main labeler's labels."""
    table = _arrow(store, "pair_arrays", _producers(roles, "pre", "post", "labeler main"))
    width = len(features)
    return Pairs(
        np.asarray(table["pair_id"], dtype=np.int64),
        _two(table, "pre_chosen", "pre_rejected"),
        _two(table, "post_chosen", "post_rejected"),
        tuple(features),
        _matrix(table["chosen"], width),
        _matrix(table["rejected"], width),
        np.column_stack([np.asarray(table[f"votes_{of}"]) for of in _ANSWERS]).astype(np.int64),
        np.asarray(table["group_no"], dtype=np.int64),
    )


def rewards(store: Store, roles: dict[str, str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The pre-D and post-D rewards of every measured pair: float64[N,2] each."""
    table = _arrow(store, "rewards", _producers(roles, "pre", "post"))
    return (
        _two(table, "pre_chosen", "pre_rejected"),
        _two(table, "post_chosen", "post_rejected"),
    )


def rewrites(
    store: Store,
    roles: dict[str, str],
    features: Sequence[Feature],
    strategies: Sequence[str],
    sample: Sequence[int],
) -> Rewrites:
    """Rebuild `rewrite_facts` from these pairs' rewrites and return its rows as arrays."""
    width = len(features)
    writers = rewriters(roles, strategies)
    if not writers:
        with store.write() as cursor:
            cursor.execute("DROP TABLE IF EXISTS rewrite_facts")
        return no_rewrites(width)
    producers = _producers(roles, "pre", "post", "labeler main", "embedder")
    # Recorded rewrites carry labels of their originals too, by the labeler of the rewrites.
    producers["labeler"] = roles.get("relabeler", producers["labeler"])
    with store.write() as cursor:
        cursor.execute(
            sql("rewrite_pairs"),
            {
                **producers,
                "strategies": list(writers),
                "writers": list(writers.values()),
                "sample": list(sample),
            },
        )
    parameters = {name: producers[name] for name in ("pre", "post", "labeler")}
    table = _arrow(store, "rewrite_arrays", parameters)
    return Rewrites(
        pair_id=np.asarray(table["pair_id"], dtype=np.int64),
        strategy=table["strategy"].to_pylist(),
        original_chosen=_matrix(table["original_chosen"], width),
        original_rejected=_matrix(table["original_rejected"], width),
        rewritten_chosen=_matrix(table["rewritten_chosen"], width),
        rewritten_rejected=_matrix(table["rewritten_rejected"], width),
        pre_original=_two(table, "pre_chosen", "pre_rejected"),
        pre_rewritten=_two(table, "pre_chosen_new", "pre_rejected_new"),
        post_original=_two(table, "post_chosen", "post_rejected"),
        post_rewritten=_two(table, "post_chosen_new", "post_rejected_new"),
        cosine=_two(table, "cosine_chosen", "cosine_rejected"),
    )


def rewriters(roles: dict[str, str], strategies: Sequence[str]) -> dict[str, str]:
    """Strategy → the producer of its rewrites, for the strategies that have rewrites. Recorded
    rewrites, and those of version 0.1.0, have one producer for all strategies."""
    producers = {name: roles.get(f"rewriter {name}", roles.get("rewriter")) for name in strategies}
    return {name: producer for name, producer in producers.items() if producer is not None}


def labelers(
    store: Store, roles: dict[str, str], features: Sequence[Feature]
) -> tuple[Labels, ...]:
    """Every labeler of the study, the main one first."""
    names = sorted(
        (role.removeprefix("labeler ") for role in roles if role.startswith("labeler ")),
        key=lambda name: (name != "main", name),
    )
    labels = []
    for name in names:
        table = _arrow(store, "labeler_arrays", {"labeler": roles[f"labeler {name}"]})
        labels.append(
            Labels(
                name,
                np.asarray(table["pair_id"], dtype=np.int64),
                np.asarray(table["side"], dtype=np.int8),
                tuple(feature.name for feature in features),
                _matrix(table["values"], len(features)),
            )
        )
    return tuple(labels)


def _producers(roles: dict[str, str], *names: str) -> dict[str, str]:
    return {role.removesuffix(" main"): roles[role] for role in names}


def put_measures(store: Store, tables: Tables, facts: PairFacts, digest: str) -> None:
    """Replace every metric table and the facts per pair in one transaction.

    `digest`: that of the results and options that they were computed from.
    """
    import pyarrow

    with store.write() as cursor:
        for name, rows in flat.tables(tables).items():
            cursor.execute(f"DROP TABLE IF EXISTS metric_{name}")
            if rows:
                cursor.register("incoming", pyarrow.Table.from_pylist(_columns(rows)))
                cursor.execute(f"CREATE TABLE metric_{name} AS SELECT * FROM incoming")
                cursor.unregister("incoming")
        columns = {
            # DuckDB sorts NaN above every number, so an undefined angle is stored as NULL.
            name: pyarrow.array(list(values) if values.ndim == 2 else values, from_pandas=True)
            for name, values in asdict(facts).items()
        }
        cursor.register("incoming", pyarrow.table(columns))
        cursor.execute("CREATE OR REPLACE TABLE pair_facts AS SELECT * FROM incoming")
        cursor.unregister("incoming")
        cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [MEASURED, _stamp(digest)])


def _stamp(digest: str) -> str:
    """The digest of what measures were computed from, with the version of this program's
    records."""
    return f"{digest} {flat.version()}"


def _columns(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A test's `details` as JSON text: as a struct column, every row would get the keys of all."""
    return [
        {key: json.dumps(value) if isinstance(value, dict) else value for key, value in row.items()}
        for row in rows
    ]


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `_columns` for one row."""
    details = row.get("details")
    return {**row, "details": json.loads(details)} if isinstance(details, str) else row


def has_measures(store: Store, digest: str) -> bool:
    """Whether the stored measures have this digest and this program's version of the records."""
    return store.meta(MEASURED) == _stamp(digest)


def not_labeled(store: Store, table: str) -> set[str]:
    """The features that a table was computed without, because none of its texts has their label."""
    present = "SELECT 1 FROM information_schema.tables WHERE table_name = 'metric_dropped'"
    if store.read(present).fetchone() is None:
        return set()
    query = """SELECT feature FROM metric_dropped WHERE "table" = ? AND reason = 'not_labeled'"""
    return {feature for (feature,) in store.read(query, [table]).fetchall()}


def tables(store: Store) -> Tables:
    """Every metric table as stored."""
    query = "SELECT table_name FROM information_schema.tables"
    present = {name for (name,) in store.read(query).fetchall()}
    return flat.read(
        {
            name: [_whole(row) for row in store.arrow(f"SELECT * FROM metric_{name}").to_pylist()]
            for name in flat.records()
            if f"metric_{name}" in present
        }
    )
