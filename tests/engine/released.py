"""Files as SEAL and RewardBench write them: own-written, and made of a real run's results."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine import study as studies
from engine.models.recorded import MISSING
from engine.store import Store
from engine.taxonomy import Feature

SIDES = ("chosen", "rejected")
COMPARE = ("row_id", "chosen_score", "rejected_score", "agreement")


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def write_compare(path: Path, scores: Mapping[str, tuple[float, float]]) -> Path:
    """SEAL's scores of a reward model, in the order given."""
    rows = [(key, repr(c), repr(r), c > r) for key, (c, r) in scores.items()]
    return write_csv(path, COMPARE, rows)


def word(feature: Feature, value: int) -> str:
    """A label as GPT-4 gave it and pandas wrote it."""
    if value == MISSING:
        return ""
    return feature.answers[value + 1] if feature.kind == "sentiment" else str(bool(value))


def write_taxonomy_csv(
    path: Path,
    features: Sequence[Feature],
    labels: Mapping[tuple[str, str], Sequence[int]],
    texts: Mapping[tuple[str, str], str],
) -> Path:
    """SEAL's labels: one entry per row, under the released names where there are any."""
    rows = [
        (*key, texts[key], *(word(f, v) for f, v in zip(features, values, strict=True)), "['Law']")
        for key, values in labels.items()
    ]
    names = [feature.released or feature.name for feature in features]
    return write_csv(path, ("row_id", "preference", "text", *names, "topics"), rows)


def export(run: Path, to: Path) -> None:
    """A finished run's results as pre.csv, post.csv, labels.csv and rewrites.csv."""
    study = studies.loads_resolved((run / "study.json").read_bytes())
    store = Store(run / "seal.duckdb")
    try:
        pairs = store.read(
            "SELECT pair_id, source_id, chosen_id, rejected_id FROM pairs ORDER BY pair_id"
        ).fetchall()
        producers = dict(store.read("SELECT role, producer FROM roles").fetchall())
        texts = dict(store.read("SELECT text_id, transcript FROM texts").fetchall())
        scores = {role: _scores(store, producers[role]) for role in ("pre", "post")}
        labels = _labels(store, producers["labeler main"])
        rewrites = store.read(
            "SELECT pair_id, strategy, chosen_id, rejected_id, chosen_new_id, rejected_new_id, "
            "cosine_chosen, cosine_rejected FROM rewrite_facts ORDER BY rewrite_id"
        ).fetchall()
    finally:
        store.close()
    # Backwards: nothing may depend on the order of a file.
    pairs.reverse()
    for role, of in scores.items():
        write_compare(to / f"{role}.csv", {key: (of[c], of[r]) for _, key, c, r in pairs})
    entries = {(key, s): t for _, key, *ids in pairs for s, t in zip(SIDES, ids, strict=True)}
    write_taxonomy_csv(
        to / "labels.csv",
        study.features,
        {key: labels[text] for key, text in entries.items()},
        {key: texts[text] for key, text in entries.items()},
    )
    keys = {pair_id: key for pair_id, key, *_ in pairs}
    rows = []
    for pair_id, strategy, *ids in reversed(rewrites):
        row = {"row_id": keys[pair_id], "strategy": strategy}
        versions = zip(("original", "rewritten"), (ids[:2], ids[2:4]), strict=True)
        for version, of_version in versions:
            for side, text in zip(SIDES, of_version, strict=True):
                row[f"{version}_{side}_text"] = texts[text]
                row[f"{version}_{side}_score_rm_control"] = repr(scores["pre"][text])
                row[f"{version}_{side}_score_rm_aligned"] = repr(scores["post"][text])
                for feature, value in zip(study.features, labels[text], strict=True):
                    name = f"{version}_{side}_{feature.released or feature.name}"
                    row[name] = word(feature, value)
        for side, cosine in zip(SIDES, ids[4:], strict=True):
            row[f"original_to_rewritten_{side}_vector_cos_sim"] = repr(cosine)
        rows.append(row)
    write_csv(to / "rewrites.csv", tuple(rows[0]), [tuple(row.values()) for row in rows])


def _scores(store: Store, producer: str) -> dict[int, float]:
    query = "SELECT text_id, reward FROM scores WHERE producer = ?"
    return dict(store.read(query, [producer]).fetchall())


def _labels(store: Store, producer: str) -> dict[int, list[int]]:
    query = 'SELECT text_id, "values" FROM labels WHERE producer = ?'
    return dict(store.read(query, [producer]).fetchall())
