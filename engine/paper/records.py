"""The rows of the metric tables (design, section 4), one frozen record per kind.

Field names are the tables' keys, except `class_` (key `class`). A number that cannot be
estimated is None; no field is ever NaN or infinite. Fields after the design's own are extra.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class AlignmentRow:
    """Alignment and resistance of one reward model. ci_low, ci_high: 95 % Wilson interval of
    `alignment`; that of `resistance` follows in the extra fields."""

    model: str
    role: str
    n: int
    aligned: int
    ties: int
    alignment: float | None
    resistance: float | None
    ci_low: float | None
    ci_high: float | None
    resistance_low: float | None
    resistance_high: float | None
    tie_policy: str
    noise_limited: int


@dataclass(frozen=True)
class RegimeRow:
    """Pairs in one regime × opinion cell."""

    regime: str
    opinion: str
    n: int


@dataclass(frozen=True)
class OpinionRow:
    """Pairs by the labeler's preference γ, and how many each model orders as the human did.
    resistance: the post-D share it does not, with its 95 % Wilson interval."""

    opinion: str
    n: int
    aligned_pre: int
    aligned_post: int
    resistance: float | None
    resistance_low: float | None
    resistance_high: float | None


@dataclass(frozen=True)
class TestRow:
    """One hypothesis test. `details` holds its counts and what it compares."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    name: str
    group: str
    n: int
    statistic: float | None
    p_value: float | None
    log10_p: float | None
    details: dict[str, Any]


@dataclass(frozen=True)
class ShiftRow:
    """Reward shifts θ in degrees over one group. `undefined` pairs have a zero vector.

    resultant: length of the mean unit vector, 0 to 1. gain and margin change are our additions:
    positive always means more aligned, which the sign of θ does not. z_*: of the shift between
    z-scored rewards, which neither a constant nor a factor changes.
    """

    group: str
    n: int
    undefined: int
    mean_deg: float | None
    median_deg: float | None
    sd_deg: float | None
    circular_mean_deg: float | None
    t: float | None
    t_p: float | None
    sign_m: float | None
    sign_p: float | None
    resultant: float | None
    rayleigh_log10_p: float | None
    t_log10_p: float | None
    sign_log10_p: float | None
    small_norms: int
    gain_mean_deg: float | None
    margin_change_mean: float | None
    z_mean_deg: float | None
    z_circular_mean_deg: float | None


@dataclass(frozen=True)
class ImprintRow:
    """Feature imprint on a reward: β of one feature. `df` None means normal p-values.

    standardized: estimate in standard deviations of outcome per one of the feature; mde: the
    smallest effect found with 80 % power at 5 %.
    """

    outcome: str
    preset: str
    feature: str
    class_: str
    estimate: float | None
    std_error: float | None
    statistic: float | None
    df: float | None
    p_value: float | None
    p_adjusted: float | None
    p_bonferroni: float | None
    p_holm: float | None
    p_bh: float | None
    ci_low: float | None
    ci_high: float | None
    vif: float | None
    n: int
    clusters: int | None
    log10_p: float | None
    standardized: float | None
    mde: float | None
    varies: int


@dataclass(frozen=True)
class ShiftImprintRow:
    """Feature imprint on the reward shift θ, in degrees, by side."""

    preset: str
    feature: str
    side: str
    class_: str
    estimate: float | None
    std_error: float | None
    statistic: float | None
    df: float | None
    p_value: float | None
    p_adjusted: float | None
    p_bonferroni: float | None
    p_holm: float | None
    p_bh: float | None
    ci_low: float | None
    ci_high: float | None
    vif: float | None
    n: int
    clusters: int | None
    log10_p: float | None
    standardized: float | None
    mde: float | None


@dataclass(frozen=True)
class MisalignmentRow:
    """A feature's part in post-D misalignment, by side; positive: more misalignment.

    scale: risk_difference (linear) or log_odds (logistic; then odds_ratio and the average
    marginal effect `ame` on the probability). method: ols, logit or firth. events: misaligned
    pairs with the feature on that side (nonzero label).
    """

    preset: str
    feature: str
    side: str
    class_: str
    estimate: float | None
    std_error: float | None
    statistic: float | None
    df: float | None
    p_value: float | None
    p_adjusted: float | None
    p_bonferroni: float | None
    p_holm: float | None
    p_bh: float | None
    ci_low: float | None
    ci_high: float | None
    vif: float | None
    n: int
    clusters: int | None
    log10_p: float | None
    standardized: float | None
    mde: float | None
    events: int
    scale: str
    method: str
    odds_ratio: float | None
    ame: float | None
    ame_se: float | None


@dataclass(frozen=True)
class RobustnessRow:
    """Robustness score π₊ (sign "+", lost) or π₋ (sign "-", gained), by feature and side.

    n: rewritten pairs with that flip; events: those that became misaligned; baseline_*: the same
    for pairs without that flip; total: pairs in the regression. population: all, or aligned (the
    pairs aligned before rewriting, the only ones that can become misaligned).
    """

    preset: str
    feature: str
    side: str
    sign: str
    class_: str
    estimate: float | None
    std_error: float | None
    statistic: float | None
    df: float | None
    p_value: float | None
    p_adjusted: float | None
    p_bonferroni: float | None
    p_holm: float | None
    p_bh: float | None
    ci_low: float | None
    ci_high: float | None
    events: int
    n: int
    population: str
    strategy: str
    scale: str
    method: str
    log10_p: float | None
    mde: float | None
    odds_ratio: float | None
    odds_ratio_low: float | None
    odds_ratio_high: float | None
    ame: float | None
    ame_se: float | None
    ame_low: float | None
    ame_high: float | None
    baseline_events: int
    baseline_n: int
    total: int


@dataclass(frozen=True)
class StabilityRow:
    """Agreement of two labelers on one feature; statistic fleiss: of all of them at once.
    prevalence: the mean label."""

    feature: str
    labeler_a: str
    labeler_b: str
    n: int
    agreement: float | None
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None
    pabak: float | None
    prevalence_a: float | None
    prevalence_b: float | None
    statistic: str
    labelers: int


@dataclass(frozen=True)
class StabilityImprintRow:
    """One imprint coefficient (pair-fe) under two labelers, on the n pairs that both labeled.

    difference: a − b with the 95 % interval of a paired bootstrap over pairs; differs: it
    excludes 0. sign_change: the two estimates have opposite signs; sign_change_clear: each of
    them also excludes 0.
    """

    outcome: str
    feature: str
    class_: str
    labeler_a: str
    labeler_b: str
    n: int
    estimate_a: float | None
    std_error_a: float | None
    ci_low_a: float | None
    ci_high_a: float | None
    estimate_b: float | None
    std_error_b: float | None
    ci_low_b: float | None
    ci_high_b: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    differs: bool
    sign_change: bool
    sign_change_clear: bool


@dataclass(frozen=True)
class DriftRow:
    """A robustness score (linear, `pooled-clustered`) on the rewrites at least as similar to
    their originals as `threshold`; `rewrites`: how many those are."""

    threshold: float
    rewrites: int
    feature: str
    side: str
    sign: str
    class_: str
    population: str
    estimate: float | None
    std_error: float | None
    p_value: float | None
    log10_p: float | None
    ci_low: float | None
    ci_high: float | None
    events: int
    n: int
    total: int


@dataclass(frozen=True)
class StrategyRow:
    """What a rewriting strategy does to one model's verdicts, whatever the flips.

    Shares are of the n rewritten pairs; change: resistance after − before, with Newcombe's
    paired 95 % interval and the exact McNemar test. loss: the share of the pairs aligned before
    that became misaligned, with its 95 % Wilson interval.
    """

    strategy: str
    role: str
    n: int
    cosine_mean: float | None
    resistance_before: float | None
    resistance_after: float | None
    change: float | None
    change_low: float | None
    change_high: float | None
    aligned_before: int
    became_misaligned: int
    became_aligned: int
    loss: float | None
    loss_low: float | None
    loss_high: float | None
    p_value: float | None
    log10_p: float | None


@dataclass(frozen=True)
class AmbiguityRow:
    """Post-D resistance in one band of the ambiguity score, with its 95 % Wilson interval; band 1
    is the least ambiguous."""

    band: int
    n: int
    score_low: float
    score_high: float
    misaligned: int
    resistance: float
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True)
class DroppedFeature:
    """What a table does not hold, and why. `*` stands for every feature, side or preset.

    reason: constant, collinear, too_rare, too_few_pairs, not_labeled, no_events, not_converged,
    no_targets, unlabeled_pairs, undefined_shift, tied_pairs, low_cosine.
    """

    table: str
    preset: str
    feature: str
    side: str
    reason: str
    detail: str


def number(value: Any) -> float | None:
    """A finite float, or None."""
    if value is None:
        return None
    value = float(value)
    return value if math.isfinite(value) else None


def as_dict(row: object) -> dict[str, Any]:
    """One row as the table's record: `class_` becomes `class`, order of fields kept."""
    names = (f.name for f in fields(row))  # type: ignore[arg-type]
    return {("class" if n == "class_" else n): getattr(row, n) for n in names}


def as_dicts(rows: Iterable[object]) -> list[dict[str, Any]]:
    """Many rows as records."""
    return [as_dict(row) for row in rows]
