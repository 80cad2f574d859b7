"""Reads the pairs and everything recorded about them, before storing anything."""

from __future__ import annotations

from engine import data
from engine.run import ingest, recorded
from engine.run.stages.base import Stage
from engine.run.work import DryRun, Run
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

    def dry_run(self, dry: DryRun) -> StagePlan:
        source = ingest.read(dry.study)
        pairs = ingest.sample(dry.study, source)
        recorded.read(dry.study, source.pairs, pairs, len(source.rejects))
        keys = [
            (at, content_key(pair.chosen), content_key(pair.rejected))
            for at, pair in enumerate(pairs)
        ]
        dry.ingested(data.digest(pairs), keys)
        stored = has_dataset(dry.store, dry.dataset)
        return self.planned(len(pairs) if stored else 0, 0 if stored else len(pairs))
