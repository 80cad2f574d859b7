"""Batches as jobs for workers, and the retries when a worker dies.

The death of a worker never fails the run: the batch is tried once more, then in halves. A single
text on which the worker dies again is set aside with the reason.
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
    """The worker was killed because it did not answer in time."""

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
    """The outcome of a job: (units, result) parts, and the units set aside, with the reason."""

    parts: list[tuple[tuple[int, ...], Any]] = field(default_factory=list)
    lost: dict[int, str] = field(default_factory=dict)


def attempt(
    ask: Callable[[tuple[Any, ...]], Any], units: tuple[int, ...], items: tuple[Any, ...]
) -> Outcome:
    """Run a batch with `ask`: whole, again after a death, then in halves down to single texts.

    If no half dies, the texts did not cause the death, and the whole batch is run once more: a
    reward depends slightly on its batch, and a killed worker must not change results."""
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
        with contextlib.suppress(WorkerDied, OutOfMemory):  # fall back to the halves
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
            break  # the same batch would run out of memory again
        except WorkerDied as death:
            reason = death.reason
    if len(units) == 1:
        outcome.lost[units[0]] = reason
        return
    half = len(units) // 2
    for part in (slice(half), slice(half, None)):
        _attempt(ask, units[part], items[part], outcome, tries=1)
