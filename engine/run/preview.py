"""Previews what a run would reuse and what it would compute. Read-only."""

from __future__ import annotations

import threading
from pathlib import Path

from engine.run.stages import stages
from engine.run.work import DryRun
from engine.store import Store
from engine.study import Study
from engine.wire.messages import RunPlan


def preview(study: Study, folder: Path, store: Store) -> RunPlan:
    """Raises the same errors as a run."""
    executor = study.executor.start(threading.Event())
    dry = DryRun(study, folder, store, executor)
    try:
        return RunPlan(stages=tuple(stage.dry_run(dry) for stage in stages(study)))
    finally:
        executor.close()
