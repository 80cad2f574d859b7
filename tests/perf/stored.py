"""A stored run of the paper's size, labeled and scored without a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine import study as studies
from engine.models.protocols import Rewards
from engine.paper.inputs import Pairs
from engine.paths import SAMPLE_DATA
from engine.store import Store, results
from engine.store.complete import put_complete
from engine.study import Study
from tests.engine.studies import write_taxonomy
from tests.pairs import of_transcripts, put

PAIRS = 160_800


def sample_texts() -> list[tuple[str, str]]:
    """The texts of the sample data again and again, each with a number of its own."""
    rows = [json.loads(line) for line in (SAMPLE_DATA / "pairs.jsonl").open(encoding="utf-8")]
    return [
        (f"{row['chosen']} ({n})", f"{row['rejected']} ({n})")
        for n, row in ((n, rows[n % len(rows)]) for n in range(PAIRS))
    ]


def plant(
    here: Path, pairs: Pairs, texts: Sequence[tuple[str, str]], seed: int
) -> tuple[Study, Store]:
    """Pairs with these texts, labeled and scored as a run does it, entries in an order of the
    seed's; the measures are not computed yet."""
    here.mkdir()
    features = tuple((f.name, f.kind, f.role) for f in pairs.features)
    write_taxonomy(here / "taxonomy.toml", features)
    (here / "study.toml").write_text(
        '[data]\npath = "pairs.jsonl"\n[taxonomy]\nfile = "taxonomy.toml"\n[rewrites]\nsample = 0\n'
    )
    (here / "pairs.jsonl").touch()
    study = studies.load(here / "study.toml")
    store = Store(here / "seal.duckdb")
    rows = [of_transcripts(str(n), n, *texts[n]) for n in range(PAIRS)]
    put(store, "bench", rows)
    for role in ("labeler main", "pre", "post"):
        results.put_producer(store, role, role, role, "{}")
    labels = np.stack([pairs.chosen, pairs.rejected], axis=1).reshape(2 * PAIRS, -1)
    order = np.random.default_rng(seed).permutation(2 * PAIRS)
    for part in np.array_split(order, 20):
        n = len(part)
        with store.write() as cursor:
            for role, rewards in (("pre", pairs.pre), ("post", pairs.post)):
                values = rewards.reshape(-1)[part]
                made = Rewards(values, np.zeros(n, np.int32), np.zeros(n, bool), (None,) * n)
                results.put_scores(cursor, role, part.tolist(), made)
            known = dict(zip(part.tolist(), labels[part].tolist(), strict=True))
            results.put_recorded_labels(cursor, "labeler main", known)
    put_complete(store, studies.dump_resolved(study))
    return study, store
