"""Batches on their way to a worker and back, and what becomes of one whose worker dies.

A worker that dies costs a batch, never the run: the batch is tried once more, then in halves; a
single text on which it dies again is set aside with the reason.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LOST = "the worker process crashed on this text"
HUNG = "the worker gave no answer for this text within the time limit"
NO_MEMORY = "out of memory on this text alone"


class WorkerDied(Exception):
    reason = LOST


class WorkerHung(WorkerDied):
    """It was killed because it gave no answer in time."""

    reason = HUNG


class OutOfMemory(Exception):
    pass


class Stopped(Exception):
    """The run was asked to stop; finished batches stay."""


@dataclass(frozen=True)
class Job:
    """A batch for a worker: `units[i]` is the id of `items[i]`."""

    number: int
    units: tuple[int, ...]
    items: tuple[Any, ...]


@dataclass
class Outcome:
    """What came of a job: (units, result) parts, and the units that were set aside with why."""

    parts: list[tuple[tuple[int, ...], Any]] = field(default_factory=list)
    lost: dict[int, str] = field(default_factory=dict)


def attempt(
    ask: Callable[[tuple[Any, ...]], Any], units: tuple[int, ...], items: tuple[Any, ...]
) -> Outcome:
    """What `ask` makes of a batch: whole, again after a death, then in halves down to texts.

    Where no half dies, it was not the texts that killed the worker, and the batch is asked for
    whole once more: a reward depends a little on its batch, and a kill must leave no trace."""
    outcome = Outcome()
    killed = False

    def watched(part: tuple[Any, ...]) -> Any:
        nonlocal killed
        try:
            return ask(part)
        except WorkerDied as death:
            killed = killed or not isinstance(death, WorkerHung)
            raise

    _attempt(watched, units, items, outcome, tries=2)
    if killed and len(outcome.parts) > 1 and not outcome.lost:
        with contextlib.suppress(WorkerDied, OutOfMemory):  # then the halves will do
            return Outcome([(units, ask(items))])
    return outcome


def _attempt(
    ask: Callable[[tuple[Any, ...]], Any],
    units: tuple[int, ...],
    items: tuple[Any, ...],
    outcome: Outcome,
    tries: int,
) -> None:
    reason = NO_MEMORY
    for _ in range(tries):
        try:
            outcome.parts.append((units, ask(items)))
            return
        except OutOfMemory:
            break  # the same batch would run out again
        except WorkerDied as death:
            reason = death.reason
    if len(units) == 1:
        outcome.lost[units[0]] = reason
        return
    half = len(units) // 2
    for part in (slice(half), slice(half, None)):
        _attempt(ask, units[part], items[part], outcome, tries=1)
