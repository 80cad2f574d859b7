"""Runs a study from its data to its measures, stage by stage.

Every stage asks the store what is missing, lets the executor compute it, and commits batch by
batch. The pipeline does not use torch, and only the store uses SQL.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.run.left import Later
from engine.run.progress import Progress
from engine.run.stages import Stage, stages
from engine.run.work import Run
from engine.store import Store
from engine.study import Study


class Pipeline:
    """One run of a study. `run` blocks until the end, a failure, or `stop`."""

    def __init__(
        self,
        study: Study,
        folder: Path,
        store: Store,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self.study = study
        self.stages: list[Stage] = stages(study)
        self.executor = study.executor.start(stop)
        self._run = Run(study, folder, store, self.executor, progress, stop)

    @property
    def notes(self) -> dict[str, Any]:
        """Notes about the run for the manifest."""
        return self._run.notes

    def run(self) -> None:
        """Raises SealError or Stopped."""
        try:
            for place, stage in enumerate(self.stages):
                stage.run(self._run)
                self._look_ahead(self.stages[place + 1 :])
        finally:
            self.executor.close()

    def _look_ahead(self, stages: Sequence[Stage]) -> None:
        """Tell what later stages have to do; more is known after each."""
        progress = self._run.progress
        for stage in stages:
            if not progress.expects(stage.name) and (found := stage.ahead(self._run)) is not None:
                progress.expect(stage.name, Later(found.units, found.exact, stage.paced_like))
