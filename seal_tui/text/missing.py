"""What is not computed, and by which stage it will be, in one line."""

from __future__ import annotations

from engine.wire.messages import RunStatus
from seal_tui.text.safe import Safe, one_line


def results(status: RunStatus | None) -> Safe:
    """Why there are no results, which the last stage of a run computes."""
    return _missing(status, -1, "computed")


def pairs(status: RunStatus | None) -> Safe:
    """Why there are no pairs, which the first stage of a run reads."""
    return _missing(status, 0, "read")


def _missing(status: RunStatus | None, place: int, done: str) -> Safe:
    if status is None or not status.stages:
        return Safe(f"not {done} yet; no run was started")
    stage = one_line(status.stages[place].label)
    if status.state == "running":
        return Safe(f"not {done} yet; “{stage}” does it")
    if status.state == "done":
        return Safe("not available")
    return Safe(f"not {done}; the stage “{stage}” was not finished")
