"""A run before it begins, as text: what each stage reuses and computes, what it calls."""

from __future__ import annotations

from rich.cells import cell_len

from engine.wire.messages import OutsideInfo, RunPlan, StagePlan
from seal_tui.text import numbers
from seal_tui.text.safe import Safe, fit, one_line


def lines(plan: RunPlan) -> list[Safe]:
    """One aligned line per stage."""
    room = 2 + max((cell_len(one_line(stage.label)) for stage in plan.stages), default=0)
    return [Safe(fit(one_line(stage.label), room) + _words(stage)) for stage in plan.stages]


def outside(found: OutsideInfo) -> Safe:
    """The question before the run of a study that the user has not seen on this machine."""
    parts = ["This study was not written on this machine. A run of it"]
    parts += [f"  {one_line(line)}" for line in found.lines]
    return Safe("\n".join([*parts, "", "Run it?"]))


def made_otherwise(plan: RunPlan) -> int:
    """How many existing results would be recomputed because settings have changed."""
    return sum(stage.before for stage in plan.stages)


def _words(stage: StagePlan) -> str:
    parts = []
    if stage.reused:
        parts.append(f"{numbers.count(stage.reused)} reused")
    if stage.computed or not stage.reused:
        most = "at most " if stage.at_most else ""
        parts.append(f"{most}{numbers.count(stage.computed)} {one_line(stage.unit)} to compute")
    if stage.before:
        parts.append(f"{numbers.count(stage.before)} of them were computed with other settings")
    return " · ".join(parts)
