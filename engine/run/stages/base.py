"""What a stage is: a part of a run that can be done, and looked ahead at."""

from __future__ import annotations

from abc import ABC, abstractmethod

from engine.run.work import Ahead, Run
from engine.wire.messages import StagePlan, StageProgress


class Stage(ABC):
    """`name` is what progress and stored batches go by, `label` is for a reader, `unit` what is
    counted."""

    unit = "entries"

    def __init__(self, name: str, label: str) -> None:
        self.name = name
        self.label = label

    @abstractmethod
    def run(self, run: Run) -> None:
        """Do what is not done yet. Raises SealError, or Stopped."""

    @abstractmethod
    def ahead(self, ahead: Ahead) -> StagePlan:
        """What `run` would reuse and compute. Raises what `run` would, nothing is stored."""

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
