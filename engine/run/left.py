"""How much time a run has left, from what its stages have to do and how fast they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from engine.wire.messages import StageProgress


class Later(NamedTuple):
    """The units that a later stage has to do, at the speed of the stage `paced_like`; `exact`
    unless there may be more."""

    units: int
    exact: bool
    paced_like: str


class Left(NamedTuple):
    """Seconds; `at_least` if a part of the run is not counted, because nothing is known of it."""

    seconds: float | None
    at_least: bool


def left(
    stages: Iterable[StageProgress], later: Mapping[str, Later], paces: Mapping[str, float]
) -> Left:
    """The time left of a run in these stages. `paces`: seconds per unit, by stage, of this run or
    of an earlier one of the same study."""
    seconds, known, at_least = 0.0, False, False
    for stage in stages:
        if stage.state not in ("running", "waiting"):
            continue
        work = later.get(stage.name)
        found = _running(stage, paces) if stage.state == "running" else _waiting(stage, work, paces)
        at_least |= found is None or (
            stage.state == "waiting" and work is not None and not work.exact
        )
        if found is not None:
            seconds, known = seconds + found, known or found > 0
    return Left(seconds if known else None, at_least)


def _running(stage: StageProgress, paces: Mapping[str, float]) -> float | None:
    if stage.eta_s is None and stage.total and stage.name in paces:
        return (stage.total - stage.done) * paces[stage.name]
    return stage.eta_s


def _waiting(stage: StageProgress, work: Later | None, paces: Mapping[str, float]) -> float | None:
    if work is None:
        return None
    pace = paces.get(stage.name, paces.get(work.paced_like))
    if not work.units:
        return 0.0
    return None if pace is None else work.units * pace
