"""A run folder with planted results: everything that the explorer reads, and no model run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine import study as studies
from engine.data import Pair
from engine.models.protocols import Labels, Rewards
from engine.paper.measures import pair_facts
from engine.run import last
from engine.store import Store, dataset, measures, results
from engine.store.complete import put_complete
from engine.store.recovery import DATABASE
from tests import records
from tests.engine.studies import prepare, write_study
from tests.pairs import of_transcripts, put
from tests.perf.planted import options, study


def pairs(count: int) -> list[Pair]:
    said = "\n\nHuman: question {0}\n\nAssistant: {1} answer {0}"
    return [
        of_transcripts(f"p{n}", n + 1, said.format(n, "good"), said.format(n, "bad"))
        for n in range(count)
    ]


def plant(folder: Path, count: int) -> Path:
    """The folder of a study whose run is over, with this many pairs."""
    run = prepare(write_study(folder / "study", pairs=1), folder / "run")
    settings = studies.loads_resolved((run / "study.json").read_bytes())
    store = Store(run / DATABASE)
    put(store, "planted", pairs(count))
    for role in ("labeler main", "pre", "post"):
        results.put_producer(store, role, role, role, "{}")
    known = study(count)
    rewards = {"pre": known.pre, "post": known.post}
    places = dataset.pair_texts(store)
    ids = [text for _, *both in places for text in both]
    fine = (None,) * len(ids)
    with store.write() as cursor:
        for producer, values in rewards.items():
            tokens, cut = np.ones(len(ids), np.int32), np.zeros(len(ids), bool)
            results.put_scores(
                cursor, producer, ids, Rewards(values.reshape(-1), tokens, cut, fine)
            )
        width = len(settings.features)
        labels = np.zeros((len(ids), width), np.int8)
        results.put_labels(
            cursor, "labeler main", ids, Labels(labels, np.zeros((len(ids), width)), fine)
        )
    nothing = records.none()
    put_complete(store, studies.dump_resolved(settings))
    stored = last.Last(store).results(settings)
    assert stored is not None
    measures.put_measures(store, nothing, pair_facts(known, (), options()), stored.digest)
    store.close()
    return run
