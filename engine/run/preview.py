"""What a run would reuse and what it would compute, before it does so. Reads only."""

from __future__ import annotations

import threading
from pathlib import Path

from engine.run.stages import stages
from engine.run.work import Ahead
from engine.store import Store
from engine.study import Study
from engine.wire.messages import RunPlan


def preview(study: Study, folder: Path, store: Store) -> RunPlan:
    """Raises what a run would."""
    executor = study.executor.start(threading.Event())
    ahead = Ahead(study, folder, store, executor)
    try:
        return RunPlan(stages=tuple(stage.ahead(ahead) for stage in stages(study)))
    finally:
        executor.close()
