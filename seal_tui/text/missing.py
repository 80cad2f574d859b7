"""What is not computed, and by which stage it will be, in one line."""

from __future__ import annotations

from engine.wire.messages import RunStatus
from seal_tui.text.safe import Safe, one_line


def results(status: RunStatus | None) -> Safe:
    """Why there are no results, which the last stage of a run computes."""
    if status is None or not status.stages:
        return Safe("not computed yet; no run was started")
    stage = one_line(status.stages[-1].label)
    if status.state == "running":
        return Safe(f"not computed yet; “{stage}” does it")
    if status.state == "done":
        return Safe("not available")
    return Safe(f"not computed; the stage “{stage}” did not run")
