"""The folder that the commands of the documentation are run in: what a reader would have there.

Recorded results stand in for models nearly everywhere, so every command is the real one and takes a
moment.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine import taxonomy
from engine.data import Conversation
from engine.paths import SAMPLE_DATA
from engine.taxonomy import Feature
from tests.engine.released import SIDES, word, write_compare, write_csv, write_taxonomy_csv
from tests.engine.studies import prepare, run_to_end, sample_rows, write_pairs

PAIRS = 40
REWRITTEN = 12
MODELED = 6  # pairs of pairs.jsonl.gz, which one page gives to real models
STUDY = """name = "study"

[data]
path = "pairs.jsonl"

[labelers.main]
backend = "recorded"
path = "taxonomy.csv"
[labelers.gold]
backend = "recorded"
path = "labels.jsonl"

[rewards.pre]
path = "v1.csv"
[rewards.post]
path = "v2.csv"

[rewrites]
path = "rewrite.csv"
"""
# Names under which pages speak of the same files.
ALSO = {
    "taxonomy.csv": ("control.csv",),
    "v1.csv": ("compare-v1.csv",),
    "v2.csv": ("compare-v2.csv",),
}


def build(folder: Path) -> Path:
    """Data, recorded results, a study of them, and three finished runs of it."""
    rows = sample_rows(PAIRS)
    write_pairs(folder / "pairs.jsonl", rows)
    with gzip.open(folder / "pairs.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows[:MODELED])
    _write_results(folder, rows)
    for name, others in ALSO.items():
        for other in others:
            shutil.copyfile(folder / name, folder / other)
    (folder / "study.toml").write_text(STUDY, "utf-8")
    run = prepare(folder / "study.toml", folder / "runs" / "study")
    shutil.copyfile(folder / "study.toml", run / "study.toml")
    status = run_to_end(run)
    assert status.state == "done", status.error
    for name in ("demo", "colleague"):
        shutil.copytree(run, folder / "runs" / name)
    return folder


def _write_results(folder: Path, rows: list[dict[str, Any]]) -> None:
    features = taxonomy.load()
    dice = random.Random(5)
    gold = _gold(folder, {row["id"] for row in rows}, features)
    labels = {
        key: [_unsure(feature, value, dice) for feature, value in zip(features, given, strict=True)]
        for key, given in gold.items()
    }
    texts = {(row["id"], side): row[side] for row in rows for side in SIDES}
    write_taxonomy_csv(folder / "taxonomy.csv", features, labels, texts)
    scores = {
        name: {row["id"]: (dice.gauss(lead, 2), dice.gauss(0, 2)) for row in rows}
        for name, lead in (("v1", 0), ("v2", 1))
    }
    for name, given in scores.items():
        write_compare(folder / f"{name}.csv", given)
    rewritten = [
        _rewrite(row, strategy, labels, features, dice)
        for strategy in ("neutral", "placebo")
        for row in rows[:REWRITTEN]
    ]
    write_csv(
        folder / "rewrite.csv", tuple(rewritten[0]), [tuple(row.values()) for row in rewritten]
    )


def _gold(
    folder: Path, ids: set[str], features: tuple[Feature, ...]
) -> dict[tuple[str, str], list[int]]:
    """The sample's own labels of these pairs, written as labels.jsonl too."""
    with (SAMPLE_DATA / "gold_labels.jsonl").open(encoding="utf-8") as file:
        lines = [line for line in file if json.loads(line)["id"] in ids]
    (folder / "labels.jsonl").write_text("".join(lines), "utf-8")
    entries = [json.loads(line) for line in lines]
    return {
        (entry["id"], entry["side"]): [entry["labels"][feature.name] for feature in features]
        for entry in entries
    }


def _unsure(feature: Feature, value: int, dice: random.Random) -> int:
    """A label as one gives it who is wrong now and then."""
    return value if dice.random() < 0.9 else dice.choice(feature.values)


def _rewrite(
    row: dict[str, Any],
    strategy: str,
    labels: Mapping[tuple[str, str], list[int]],
    features: tuple[Feature, ...],
    dice: random.Random,
) -> dict[str, str]:
    written = {"row_id": row["id"], "strategy": strategy}
    for side in SIDES:
        context, response = Conversation.of_transcript(row[side]).split()
        given = labels[row["id"], side]
        again = [
            _unsure(feature, value, dice) for feature, value in zip(features, given, strict=True)
        ]
        written[f"rewritten_{side}_text"] = f"{context}\n\nAssistant: In other words: {response}"
        for role in ("control", "aligned"):
            written[f"rewritten_{side}_score_rm_{role}"] = repr(dice.gauss(0, 2))
        for version, values in (("original", given), ("rewritten", again)):
            for feature, value in zip(features, values, strict=True):
                name = f"{version}_{side}_{feature.released or feature.name}"
                written[name] = word(feature, value)
        written[f"original_to_rewritten_{side}_vector_cos_sim"] = repr(dice.uniform(0.9, 1))
    return written
