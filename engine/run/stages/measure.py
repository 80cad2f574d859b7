"""Computes and stores the measures of the stored results."""

from __future__ import annotations

from engine import study as studies
from engine.run import manifest
from engine.run import measure as measuring
from engine.run.stages.base import Ahead, Stage
from engine.run.work import DryRun, Run
from engine.store import results
from engine.store.complete import put_complete
from engine.wire.messages import StagePlan


class Measure(Stage):
    unit = "tables"

    def __init__(self) -> None:
        super().__init__("measure", "compute the measures")

    def run(self, run: Run) -> None:
        results.drop_roles_except(run.store, list(run.producers))
        run.progress.start_stage(self.name, 1)
        texts = sorted({*run.entries, *run.rewritten})
        for reason, count in results.unusable_counts(run.store, texts).items():
            run.progress.warn(f"{count:,} entries could not be used: {reason}")
        trained = run.notes.get("post", {})
        put_complete(run.store, studies.dump_resolved(run.study), trained.get("held_out_agreement"))
        summary = measuring.measure(run.study, run.store)
        for warning in summary.warnings:
            run.progress.warn(warning)
        run.progress.count(**summary.counts)
        run.notes.update(manifest.measures_entries(summary))
        run.progress.finish_stage(self.name)

    def ahead(self, run: Run) -> Ahead | None:
        return Ahead(1, exact=True)

    def dry_run(self, dry: DryRun) -> StagePlan:
        return self.planned(0, 1)
