"""What every measure is given, and how a function becomes the measure of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from engine.paper.changes import VerdictChange, verdict_changes
from engine.paper.inputs import Labels, Options, Pairs, Rewrites
from engine.paper.shift import Shift, shifts
from engine.paper.verdicts import Verdicts, verdicts
from engine.results.records import DroppedFeature, Record

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Given:
    """A study, ordered by pair; what several tables need is computed once. `every_rewrite` is as
    it came, `rewrites` those that stayed similar enough to count."""

    pairs: Pairs
    every_rewrite: Rewrites
    labelers: Sequence[Labels]
    options: Options

    @cached_property
    def verdicts(self) -> Verdicts:
        return verdicts(self.pairs, self.options)

    @cached_property
    def shift(self) -> Shift:
        return shifts(self.pairs, self.options.small_norm)

    @cached_property
    def rewrites(self) -> Rewrites:
        return self.every_rewrite.near(self.options.min_cosine)

    @cached_property
    def changes(self) -> list[VerdictChange]:
        strategies = sorted(set(self.every_rewrite.strategies().tolist()))
        return verdict_changes(self.rewrites, strategies, self.options.tie_policy)


@dataclass(frozen=True)
class Measured(Generic[R]):
    """The rows of a table, and what it does not hold and why."""

    rows: Sequence[R]
    dropped: Sequence[DroppedFeature] = ()


@dataclass(frozen=True)
class Measure(Generic[R]):
    """The function that computes a table."""

    table: str
    compute: Callable[[Given], Measured[R]]


def measure(table: str) -> Callable[[Callable[[Given], Measured[R]]], Measure[R]]:
    """Makes a function the measure of `table`; `engine.paper.measures` finds it in any module of
    this package."""
    return lambda compute: Measure(table, compute)
