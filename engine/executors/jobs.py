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
    """The outcome of a job: (units, result) parts, and the units set aside, with the reason.

    Some units are in neither if the run ends before the job does; `rest` gives them."""

    parts: list[tuple[tuple[int, ...], Any]] = field(default_factory=list)
    lost: dict[int, str] = field(default_factory=dict)

    def rest(self, units: tuple[int, ...]) -> tuple[int, ...]:
        done = {unit for ids, _ in self.parts for unit in ids} | self.lost.keys()
        return tuple(unit for unit in units if unit not in done)


Items = tuple[Any, ...]
# What hears the answer to one item, by its place, before the whole batch is answered.
Heard = Callable[[int, Any], None]
Ask = Callable[[Items, Heard], Any]


def nobody(at: int, answer: Any) -> None:
    """Hears what nobody wants to hear."""


def attempt(ask: Ask, units: tuple[int, ...], items: Items, outcome: Outcome) -> None:
    """Run a batch with `ask`: whole, again after a death, then in halves down to single texts.
    What was answered one by one is not asked again. Whatever else `ask` raises is passed on, and
    `outcome` then holds what was answered until then.

    If no half dies, the texts did not cause the death, and the whole batch is run once more: a
    reward depends slightly on its batch, and a killed worker must not change results."""
    killed = single = False

    def watched(part: Items, heard: Heard) -> Any:
        nonlocal killed, single

        def note(at: int, answer: Any) -> None:
            nonlocal single
            single = True
            heard(at, answer)

        try:
            return ask(part, note)
        except WorkerDied as death:
            killed = killed or not isinstance(death, WorkerHung)
            raise

    _attempt(watched, units, items, outcome, tries=2)
    if killed and not single and len(outcome.parts) > 1 and not outcome.lost:
        with contextlib.suppress(WorkerDied, OutOfMemory):  # fall back to the halves
            outcome.parts = [(units, ask(items, nobody))]


def _attempt(ask: Ask, units: tuple[int, ...], items: Items, outcome: Outcome, tries: int) -> None:
    reason = NO_MEMORY
    while tries:
        answered: dict[int, Any] = {}
        try:
            outcome.parts.append((units, ask(items, answered.__setitem__)))
            return
        except OutOfMemory:
            break  # the same batch would run out of memory again
        except WorkerDied as death:
            reason = death.reason
            tries -= not answered  # it goes on with what is left
            left = [at for at in range(len(units)) if at not in answered]
        except BaseException:
            _keep(outcome, units, answered)
            raise
        _keep(outcome, units, answered)
        units, items = tuple(units[at] for at in left), tuple(items[at] for at in left)
        if not units:
            return
    if len(units) == 1:
        outcome.lost[units[0]] = reason
        return
    half = len(units) // 2
    for part in (slice(half), slice(half, None)):
        _attempt(ask, units[part], items[part], outcome, tries=1)


def _keep(outcome: Outcome, units: tuple[int, ...], answered: dict[int, Any]) -> None:
    outcome.parts += [((units[at],), answer) for at, answer in answered.items()]
