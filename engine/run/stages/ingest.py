"""Reading the pairs, and everything recorded about them, before anything is stored."""

from __future__ import annotations

from engine import data
from engine.run import ingest, recorded
from engine.run.stages.base import Stage
from engine.run.work import Ahead, Run
from engine.store import dataset
from engine.store.dataset import content_key, has_dataset
from engine.wire.messages import StagePlan


class Ingest(Stage):
    unit = "pairs"

    def __init__(self) -> None:
        super().__init__("ingest", "read pairs")

    def run(self, run: Run) -> None:
        progress = run.progress
        progress.start_stage(self.name, 0)
        source = ingest.read(run.study, run.stop.is_set)
        progress.set_rejects(source.reject_counts())
        progress.count(rows=source.rows, pairs=len(source.pairs))
        pairs = ingest.sample(run.study, source)
        run.recorded = recorded.read(run.study, source.pairs, pairs, len(source.rejects))
        for warning in run.recorded.warnings:
            progress.warn(warning)
        digest = data.digest(pairs)
        if not has_dataset(run.store, digest):
            dataset.put_dataset(run.store, digest, pairs, source.rejects)
        run.notes["dataset"] = {"sha256": digest, "rows": source.rows, "pairs": len(pairs)}
        progress.count(rows=source.rows, pairs=len(pairs), rejects=len(source.rejects))
        run.ingested(digest, dataset.pair_texts(run.store))
        progress.start_stage(self.name, len(pairs), len(pairs))
        progress.finish_stage(self.name)

    def ahead(self, ahead: Ahead) -> StagePlan:
        source = ingest.read(ahead.study)
        pairs = ingest.sample(ahead.study, source)
        recorded.read(ahead.study, source.pairs, pairs, len(source.rejects))
        keys = [
            (at, content_key(pair.chosen), content_key(pair.rejected))
            for at, pair in enumerate(pairs)
        ]
        ahead.ingested(data.digest(pairs), keys)
        known = has_dataset(ahead.store, ahead.dataset)
        return self.planned(len(pairs) if known else 0, 0 if known else len(pairs))
