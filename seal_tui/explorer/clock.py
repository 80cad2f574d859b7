"""The clock of a run, which goes on between the events of the engine."""

from __future__ import annotations

import msgspec

from engine.wire.messages import RunStatus, StageProgress


def later(status: RunStatus, seconds: float) -> RunStatus:
    """A status of a run that is on, `seconds` later, if nothing else has happened."""
    return msgspec.structs.replace(
        status,
        stages=tuple(_stage(stage, seconds) for stage in status.stages),
        elapsed_s=status.elapsed_s + seconds,
        left_s=_less(status.left_s, seconds),
    )


def _stage(stage: StageProgress, seconds: float) -> StageProgress:
    if stage.state != "running":
        return stage
    waited = stage.waits_s + seconds if stage.waits_for else 0.0
    eta = _less(stage.eta_s, seconds)
    return msgspec.structs.replace(stage, eta_s=eta, waits_s=waited)


def _less(left: float | None, seconds: float) -> float | None:
    """None when the estimate has run out: how much is left is then not known."""
    return None if left is None or left <= seconds else left - seconds
