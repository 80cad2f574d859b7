"""Runs a study from its data to its measures, stage by stage.

Every stage asks the store what is missing, lets the executor compute it, and commits batch by
batch. The pipeline does not use torch, and only the store uses SQL.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

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
            for stage in self.stages:
                stage.run(self._run)
        finally:
            self.executor.close()
