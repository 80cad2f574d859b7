"""The interface of a stage: a part of a run, which can also be previewed by a dry run."""

from __future__ import annotations

from abc import ABC, abstractmethod

from engine.run.work import DryRun, Run
from engine.wire.messages import StagePlan, StageProgress


class Stage(ABC):
    """`name` identifies its progress and stored batches, `label` is shown to users, `unit` is what
    its progress counts."""

    unit = "entries"

    def __init__(self, name: str, label: str) -> None:
        self.name = name
        self.label = label

    @abstractmethod
    def run(self, run: Run) -> None:
        """Do the remaining work. Raises SealError or Stopped."""

    @abstractmethod
    def dry_run(self, dry: DryRun) -> StagePlan:
        """What `run` would reuse and compute; stores nothing. Raises the same errors as `run`."""

    def waiting(self) -> StageProgress:
        return StageProgress(
            name=self.name, label=self.label, unit=self.unit, state="waiting", done=0, total=0
        )

    def planned(
        self, reused: int, computed: int, before: int = 0, at_most: bool = False
    ) -> StagePlan:
        return StagePlan(
            name=self.name,
            label=self.label,
            unit=self.unit,
            reused=reused,
            computed=computed,
            before=before,
            at_most=at_most,
        )
