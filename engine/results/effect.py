"""Which number of a row is the effect, its interval, its unit, and whether it is significant.

This is the one rule. A logistic coefficient is a log odds ratio and may not stand beside
percentage points: there the effect is the average marginal effect, a difference of probabilities,
which a linear fit estimates directly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.results import numbers
from engine.results.records import (
    Coefficient,
    DriftRow,
    ImprintRow,
    MisalignmentRow,
    RobustnessRow,
    ShiftImprintRow,
    StabilityImprintRow,
    StrategyRow,
    VotesRow,
)

LEVEL = 0.05  # of significance
_Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Unit:
    """What an effect is measured in. An effect times `factor` is printed with `digits`."""

    name: str
    short: str
    factor: float
    digits: int


REWARD_POINTS = Unit("reward points", "points", 1.0, 2)
DEGREES = Unit("degrees", "degrees", 1.0, 1)
PERCENTAGE_POINTS = Unit("percentage points", "points", 100.0, 1)

EffectRow = (
    ImprintRow
    | ShiftImprintRow
    | MisalignmentRow
    | RobustnessRow
    | DriftRow
    | StrategyRow
    | StabilityImprintRow
    | VotesRow
)


@dataclass(frozen=True)
class Effect:
    """An estimate with its 95 % interval. Numbers are in the record's own unit: a share of
    probabilities is 0 to 1. `p` is of the fit, so of the odds where the fit is logistic."""

    unit: Unit
    value: float | None = None
    std_error: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    log10_p: float | None = None
    p_adjusted: float | None = None
    vif: float | None = None
    mde: float | None = None
    odds_ratio: float | None = None

    @property
    def size(self) -> float:
        """How large, for sorting; what was not estimated comes last."""
        return abs(self.value) if self.value is not None else -1.0

    @property
    def significant(self) -> bool:
        """At 5 %: by the adjusted p-value where there is one, else by the p-value, and without
        any by the interval, which then excludes 0."""
        p = self.p_adjusted if self.p_adjusted is not None else self.p
        if p is not None:
            return p < LEVEL
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def text(self) -> str:
        """+11.7"""
        return numbers.signed(self._scaled(self.value), self.unit.digits)

    def magnitude(self) -> str:
        """11.7, without the sign, for a sentence that tells the direction."""
        value = self._scaled(self.value)
        return numbers.number(None if value is None else abs(value), self.unit.digits)

    def error(self) -> str:
        return numbers.number(self._scaled(self.std_error), self.unit.digits)

    def interval(self) -> str:
        """4.6 to 18.8"""
        return numbers.interval(self.low, self.high, self.unit.digits, self.unit.factor)

    def half(self) -> str:
        """Half the width of the interval: 7.1"""
        return numbers.half_width(self.low, self.high, self.unit.digits, self.unit.factor)

    def power(self) -> str:
        """The p-value, also where it is too small for a double."""
        return numbers.power(self.p, self.log10_p)

    def detects(self) -> str:
        """The smallest effect found with 80 % power, in the effect's unit."""
        return numbers.number(self._scaled(self.mde), self.unit.digits)

    def ends(self) -> tuple[float | None, ...]:
        """What an axis has to hold."""
        return self.low, self.high, self.value

    def _scaled(self, value: float | None) -> float | None:
        return None if value is None else value * self.unit.factor


def effect(row: EffectRow) -> Effect:
    """The effect of a row."""
    match row:
        case ImprintRow():
            return _of(row.coefficient, REWARD_POINTS, row.vif)
        case ShiftImprintRow():
            return _of(row.coefficient, DEGREES, row.vif)
        case MisalignmentRow():
            return _chance(row, row.vif)
        case RobustnessRow():
            return _chance(row, None)
        case DriftRow():
            return Effect(
                PERCENTAGE_POINTS,
                row.estimate,
                row.std_error,
                row.ci_low,
                row.ci_high,
                row.p_value,
                row.log10_p,
            )
        case StrategyRow():
            return Effect(
                PERCENTAGE_POINTS,
                row.change,
                None,
                row.change_low,
                row.change_high,
                row.p_value,
                row.log10_p,
            )
        case StabilityImprintRow():
            return Effect(
                REWARD_POINTS,
                row.difference,
                low=row.difference_low,
                high=row.difference_high,
            )
        case VotesRow():
            return Effect(
                PERCENTAGE_POINTS,
                row.difference,
                row.std_error,
                row.difference_low,
                row.difference_high,
                row.p_value,
                row.log10_p,
            )


def under_labelers(row: StabilityImprintRow) -> tuple[Effect, Effect]:
    """The coefficient by the labels of the one labeler and of the other."""
    return (
        Effect(REWARD_POINTS, row.estimate_a, row.std_error_a, row.ci_low_a, row.ci_high_a),
        Effect(REWARD_POINTS, row.estimate_b, row.std_error_b, row.ci_low_b, row.ci_high_b),
    )


def _of(c: Coefficient, unit: Unit, vif: float | None) -> Effect:
    return Effect(
        unit=unit,
        value=c.estimate,
        std_error=c.std_error,
        low=c.ci_low,
        high=c.ci_high,
        p=c.p_value,
        log10_p=c.log10_p,
        p_adjusted=c.p_adjusted,
        vif=vif,
        mde=c.mde,
    )


def _chance(row: MisalignmentRow | RobustnessRow, vif: float | None) -> Effect:
    """As a difference of probabilities, whatever the fit."""
    c = row.coefficient
    if row.scale != "log_odds":
        return _of(c, PERCENTAGE_POINTS, vif)
    low, high = (row.ame_low, row.ame_high) if isinstance(row, RobustnessRow) else (None, None)
    if low is None and row.ame is not None and row.ame_se is not None:
        low, high = row.ame - _Z_95 * row.ame_se, row.ame + _Z_95 * row.ame_se
    return Effect(
        unit=PERCENTAGE_POINTS,
        value=row.ame,
        std_error=row.ame_se,
        low=low,
        high=high,
        p=c.p_value,
        log10_p=c.log10_p,
        p_adjusted=c.p_adjusted,
        vif=vif,
        odds_ratio=row.odds_ratio,
        # The smallest effect that would be found is in log odds only: see `detects`.
    )


def detects(row: MisalignmentRow | RobustnessRow) -> str:
    """The smallest effect found with 80 % power: in points, or of a logistic fit as an odds
    ratio."""
    size = row.coefficient.mde
    if row.scale != "log_odds":
        return numbers.points(size)
    if size is None or size >= 10:
        return numbers.NOTHING
    return f"OR {numbers.number(math.exp(size), 1)}"
