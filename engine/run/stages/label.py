"""Labels of every entry, and of every rewrite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.backends.base import Model
from engine.models.operations import Label
from engine.models.protocols import Labels, Text
from engine.run.stages.base import Ahead, Stage
from engine.run.stages.batched import Batched
from engine.run.work import DryRun, Run, Unit, Work
from engine.store import results
from engine.wire.messages import StagePlan


def labeler_role(name: str) -> str:
    return f"labeler {name}"


def stage_names(labeler: str) -> tuple[str, str]:
    """The name and the label of a labeler's stage, whatever its back end."""
    return f"label:{labeler}", f"label · {labeler}"


class LabelEntries(Batched[Text, Labels]):
    def __init__(self, labeler: str) -> None:
        super().__init__(*stage_names(labeler), labeler_role(labeler), Label())
        self.labeler = labeler

    def model(self, work: Work[Any]) -> Model:
        return work.model(work.study.labelers[self.labeler])

    def units(self, work: Work[Unit]) -> Sequence[Unit]:
        return work.entries

    def item(self, run: Run, text: Text) -> Text:
        return text

    def put(self, run: Run, cursor: Any, ids: tuple[int, ...], result: Labels) -> None:
        results.put_labels(cursor, run.producers[self.role], ids, result)


class LabelRewrites(LabelEntries):
    """Uses the main labeler, whose labels of originals and rewrites are compared."""

    def __init__(self) -> None:
        super().__init__("main")
        self.paced_like = self.name
        self.name, self.label = "relabel:main", "label rewrites"

    def units(self, work: Work[Unit]) -> Sequence[Unit]:
        return work.rewritten

    def ahead(self, run: Run) -> Ahead | None:
        return super().ahead(run) if run.rewrites else None

    def upcoming(self, dry: DryRun) -> int:
        return dry.upcoming


class NoLabels(Stage):
    """A study without labels: its labeler produces nothing."""

    def __init__(self, labeler: str) -> None:
        super().__init__(*stage_names(labeler))
        self.role = labeler_role(labeler)

    def run(self, run: Run) -> None:
        run.record_producer(self.role, "no labels", {"kind": "none"})
        run.progress.skip_stage(self.name, "no labels")

    def ahead(self, run: Run) -> Ahead | None:
        return Ahead(0, exact=True)

    def dry_run(self, dry: DryRun) -> StagePlan:
        return self.planned(len(dry.entries), 0)
