"""The interface of a stage: a part of a run, which can also be previewed by a dry run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from engine.run.work import DryRun, Run
from engine.wire.messages import StagePlan, StageProgress


class Ahead(NamedTuple):
    """The units that a stage has still to do; `exact` unless more of them may have to be done."""

    units: int
    exact: bool


class Stage(ABC):
    """`name` identifies its progress and stored batches, `label` is shown to users, `unit` is what
    its progress counts."""

    unit = "entries"

    def __init__(self, name: str, label: str) -> None:
        self.name = name
        self.label = label
        self.paced_like = name
        """The stage whose speed this one has."""

    @abstractmethod
    def run(self, run: Run) -> None:
        """Do the remaining work. Raises SealError or Stopped."""

    @abstractmethod
    def dry_run(self, dry: DryRun) -> StagePlan:
        """What `run` would reuse and compute; stores nothing. Raises the same errors as `run`."""

    def ahead(self, run: Run) -> Ahead | None:
        """What `run` will have to do, as far as it is known after the data was read."""
        return None

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
