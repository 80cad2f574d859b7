"""A folder with one good input of every kind, from which the bad ones are made."""

from __future__ import annotations

import json
import random
from pathlib import Path

from engine import taxonomy
from tests.engine.released import SIDES, write_compare, write_taxonomy_csv
from tests.engine.studies import FEATURES, sample_rows, write_pairs, write_taxonomy

PAIRS = 8
STUDY = """name = "small"
[data]
path = "pairs.jsonl"
[taxonomy]
file = "taxonomy.toml"
[labelers.main]
backend = "none"
[rewards.pre]
path = "pre.csv"
[rewards.post]
path = "post.csv"
[rewrites]
sample = 0
"""


def write(folder: Path) -> None:
    """pairs.jsonl, taxonomy.toml, pre.csv, post.csv, labels.csv, labels.jsonl and study.toml."""
    dice = random.Random(5)
    rows = [{**row, "id": str(i)} for i, row in enumerate(sample_rows(PAIRS))]
    write_pairs(folder / "pairs.jsonl", rows)
    write_taxonomy(folder / "taxonomy.toml", FEATURES)
    for role in ("pre", "post"):
        scores = {row["id"]: (dice.gauss(0, 2), dice.gauss(0, 2)) for row in rows}
        write_compare(folder / f"{role}.csv", scores)
    features = taxonomy.load(folder / "taxonomy.toml")
    texts = {(row["id"], side): row[side] for row in rows for side in SIDES}
    labels = {key: [dice.choice(feature.values) for feature in features] for key in texts}
    write_taxonomy_csv(folder / "labels.csv", features, labels, texts)
    with (folder / "labels.jsonl").open("w") as file:
        for (key, side), values in labels.items():
            named = {f.name: value for f, value in zip(features, values, strict=True)}
            file.write(json.dumps({"id": key, "side": side, "labels": named}) + "\n")
    (folder / "study.toml").write_text(STUDY)
