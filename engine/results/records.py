"""The rows of the metric tables, one struct per table, and all tables of a study.

The names and the order of the flat keys are a contract with scripts (docs/method.md): `flat`
writes an embedded struct's fields in line, and `class_` as `class`. A number that cannot be
estimated is None; no field is ever NaN or infinite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from engine.results.fields import (
    change,
    count,
    degrees,
    details,
    flag,
    log10_p,
    number,
    p_value,
    reward,
    share,
    text,
)

Regime = Literal["stayed", "got", "resisted", "reversed"]
Opinion = Literal["c", "i", "r"]
REGIMES: tuple[Regime, ...] = ("stayed", "got", "resisted", "reversed")
OPINIONS: tuple[Opinion, ...] = ("c", "i", "r")
# How the annotators of a pair voted: all alike, not all alike, only one of them, nobody.
Votes = Literal["agree", "split", "one", "none"]
VOTES: tuple[Votes, ...] = ("agree", "split", "one", "none")


def finite(value: Any) -> float | None:
    """A finite float, or None."""
    if value is None:
        return None
    value = float(value)
    return value if math.isfinite(value) else None


class Record(msgspec.Struct, frozen=True, rename=lambda name: name.rstrip("_")):
    """Base of every row.

    LATE: keys of an embedded struct that do not stand with the others in the flat row, each with
    the key that it follows.
    """

    LATE: ClassVar[Mapping[str, str]] = {}


class Coefficient(Record, frozen=True):
    """One estimate with its inference."""

    estimate: Annotated[float | None, number("the coefficient")]
    std_error: Annotated[float | None, number("its standard error")] = None
    statistic: Annotated[float | None, number("its test statistic", 2)] = None
    df: Annotated[float | None, number("degrees of freedom; null: normal")] = None
    p_value: Annotated[float | None, p_value("two-sided p-value")] = None
    p_adjusted: Annotated[
        float | None, p_value("p-value as the preset corrects it, within this regression")
    ] = None
    p_bonferroni: Annotated[float | None, p_value("Bonferroni over the rows reported")] = None
    p_holm: Annotated[float | None, p_value("Holm over the rows reported")] = None
    p_bh: Annotated[float | None, p_value("Benjamini–Hochberg over the rows reported")] = None
    ci_low: Annotated[float | None, number("lower end of the 95 % interval")] = None
    ci_high: Annotated[float | None, number("upper end of the 95 % interval")] = None
    log10_p: Annotated[float | None, log10_p()] = None
    mde: Annotated[float | None, number("the smallest effect found with 80 % power at 5 %")] = None


class AlignmentRow(Record, frozen=True):
    """Alignment and resistance of one reward model."""

    model: Annotated[str, text("name of the reward model")]
    role: Annotated[str, text("pre or post")]
    n: Annotated[int, count("pairs")]
    aligned: Annotated[int, count("pairs in which the chosen answer has the higher reward")]
    ties: Annotated[int, count("pairs with equal rewards")]
    alignment: Annotated[float | None, share("share of aligned pairs")]
    resistance: Annotated[float | None, share("share of pairs that are not aligned")]
    ci_low: Annotated[float | None, share("lower end of the 95 % Wilson interval of alignment")]
    ci_high: Annotated[float | None, share("its upper end")]
    resistance_low: Annotated[float | None, share("the same interval of resistance")]
    resistance_high: Annotated[float | None, share("its upper end")]
    tie_policy: Annotated[str, text("how a tie counts")]
    noise_limited: Annotated[
        int,
        count(
            "pairs whose rewards differ, but by no more than the model's noise floor: the largest "
            "difference between a reward and the same text's reward when it is scored alone, over "
            "a sample of 64 entries; 0 for recorded scores"
        ),
    ]
    held_out: Annotated[
        float | None,
        share(
            "share of aligned pairs if each is judged by a model that was trained without it and "
            "the pairs that begin alike; null where the model was not trained on D here"
        ),
    ]
    held_out_low: Annotated[float | None, share("lower end of its 95 % Wilson interval")]
    held_out_high: Annotated[float | None, share("its upper end")]


class RegimeRow(Record, frozen=True):
    """Pairs in one regime × opinion cell."""

    regime: Annotated[
        str, text("stayed, got, resisted, reversed; `tied` only under the tie policy separate")
    ]
    opinion: Annotated[str, text("c, i, r; `unlabeled` only where there is such a pair")]
    n: Annotated[int, count("pairs in that cell")]


class OpinionRow(Record, frozen=True):
    """Pairs by the labeler's preference γ, and how many each model orders as the human did."""

    opinion: Annotated[str, text("c, i, r or unlabeled")]
    n: Annotated[int, count("pairs")]
    aligned_pre: Annotated[int, count("of those, aligned under pre-D (a tie is not)")]
    aligned_post: Annotated[int, count("of those, aligned under post-D (a tie is not)")]
    resistance: Annotated[float | None, share("resistance of post-D among them")]
    resistance_low: Annotated[float | None, share("lower end of its 95 % Wilson interval")]
    resistance_high: Annotated[float | None, share("its upper end")]


class TestRow(Record, frozen=True):
    """One hypothesis test."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    name: Annotated[str, text("which test")]
    group: Annotated[str, text("of which pairs, feature or strategy")]
    n: Annotated[int, count("pairs; for a sign test those that are not zero")]
    statistic: Annotated[float | None, number("test statistic", 2)]
    p_value: Annotated[float | None, p_value("two-sided p-value, not corrected")]
    log10_p: Annotated[float | None, log10_p()]
    details: Annotated[
        dict[str, Any],
        details(
            "what the test compares: `first`, `second`, `b`, `c`, `share_first`, `share_second` "
            "(McNemar); `n_i`, `n_c`, `n_r`, `share_i`, `share_c`, `share_r` (t); `plus`, `minus` "
            "(gain); `chosen_higher`, `rejected_higher`, `mean_chosen`, `mean_rejected`, "
            "`p_adjusted` (features)"
        ),
    ]


class ShiftRow(Record, frozen=True):
    """Reward shifts θ over one group of pairs."""

    group: Annotated[str, text("all, a regime (`got`), or regime and opinion (`got/c`)")]
    n: Annotated[int, count("shifts")]
    undefined: Annotated[int, count("pairs with a zero vector")]
    mean_deg: Annotated[float | None, degrees("mean of θ")]
    median_deg: Annotated[float | None, degrees("median of θ")]
    sd_deg: Annotated[float | None, degrees("standard deviation of θ")]
    circular_mean_deg: Annotated[float | None, degrees("circular mean of θ")]
    t: Annotated[float | None, number("one-sample t statistic against 0", 2)]
    t_p: Annotated[float | None, p_value("its p-value")]
    sign_m: Annotated[float | None, number("statistic of the sign test against 0", 2)]
    sign_p: Annotated[float | None, p_value("its p-value")]
    resultant: Annotated[float | None, number("length of the mean unit vector, 0 to 1", 2)]
    rayleigh_log10_p: Annotated[float | None, log10_p("log10 p of the Rayleigh test")]
    t_log10_p: Annotated[float | None, log10_p("log10 p of the t-test")]
    sign_log10_p: Annotated[float | None, log10_p("log10 p of the sign test")]
    small_norms: Annotated[int, count("pairs with a short reward vector")]
    gain_mean_deg: Annotated[float | None, degrees("mean gain; positive: more aligned")]
    margin_change_mean: Annotated[float | None, reward("mean change of the margin")]
    z_mean_deg: Annotated[float | None, degrees("mean of θ between z-scored rewards")]
    z_circular_mean_deg: Annotated[float | None, degrees("its circular mean")]


class ImprintRow(Record, frozen=True):
    """Feature imprint on a reward: β of one feature, in reward points."""

    LATE: ClassVar[Mapping[str, str]] = {"log10_p": "clusters", "mde": "standardized"}

    outcome: Annotated[str, text("pre, post or difference")]
    preset: Annotated[str, text("how it was estimated")]
    feature: Annotated[str, text("the feature")]
    class_: Annotated[str, text("target, spoiler or other")]
    coefficient: Coefficient
    vif: Annotated[float | None, number("variance inflation factor", 1)]
    n: Annotated[int, count("entries")]
    clusters: Annotated[int | None, count("pairs as clusters; null: classical errors")]
    standardized: Annotated[
        float | None, number("standard deviations of the outcome per one of the feature", 2)
    ]
    varies: Annotated[
        int,
        count("pairs that differ in the feature (pair-fe), else entries off the commonest value"),
    ]


class ShiftImprintRow(Record, frozen=True):
    """Feature imprint on the reward shift θ, in degrees, by side."""

    LATE: ClassVar[Mapping[str, str]] = {"log10_p": "clusters", "mde": "standardized"}

    preset: Annotated[str, text("how it was estimated")]
    feature: Annotated[str, text("the feature")]
    side: Annotated[str, text("chosen or rejected")]
    class_: Annotated[str, text("target, spoiler or other")]
    coefficient: Coefficient
    vif: Annotated[float | None, number("variance inflation factor", 1)]
    n: Annotated[int, count("pairs")]
    clusters: Annotated[int | None, count("pairs as clusters; null: classical errors")]
    standardized: Annotated[
        float | None, number("standard deviations of θ per one of the feature", 2)
    ]


class MisalignmentRow(Record, frozen=True):
    """A feature's part in post-D misalignment, by side; positive: more misalignment."""

    LATE: ClassVar[Mapping[str, str]] = {"log10_p": "clusters", "mde": "standardized"}

    preset: Annotated[str, text("how it was estimated")]
    feature: Annotated[str, text("the feature")]
    side: Annotated[str, text("chosen or rejected")]
    class_: Annotated[str, text("target, spoiler or other")]
    coefficient: Coefficient
    vif: Annotated[float | None, number("variance inflation factor", 1)]
    n: Annotated[int, count("pairs")]
    clusters: Annotated[int | None, count("pairs as clusters; null: not clustered")]
    standardized: Annotated[
        float | None,
        number("per standard deviation of the feature; of a log odds, of the feature only", 2),
    ]
    events: Annotated[int, count("misaligned pairs with a nonzero label on that side")]
    scale: Annotated[str, text("of `estimate`: risk_difference (linear) or log_odds (logistic)")]
    method: Annotated[str, text("ols, logit or firth")]
    odds_ratio: Annotated[float | None, number("exp(estimate) of a log odds", 2)]
    ame: Annotated[
        float | None, change("average marginal effect on the probability; null for linear fits")
    ]
    ame_se: Annotated[float | None, number("its standard error")]


class RobustnessRow(Record, frozen=True):
    """Robustness score π₊ (sign "+", lost) or π₋ (sign "-", gained), by feature and side."""

    LATE: ClassVar[Mapping[str, str]] = {"log10_p": "method", "mde": "log10_p"}

    preset: Annotated[str, text("how it was estimated")]
    feature: Annotated[str, text("the feature")]
    side: Annotated[str, text("chosen or rejected")]
    sign: Annotated[str, text("`+`: rewriting lost the feature, `-`: it gained it")]
    class_: Annotated[str, text("target, spoiler or other")]
    coefficient: Coefficient
    events: Annotated[int, count("of n, those that became misaligned")]
    n: Annotated[int, count("rewritten pairs with that flip")]
    population: Annotated[str, text("all, or aligned: pairs aligned before rewriting")]
    strategy: Annotated[str, text("all, or a single strategy")]
    scale: Annotated[str, text("of `estimate`: risk_difference (linear) or log_odds (logistic)")]
    method: Annotated[str, text("ols, logit or firth")]
    odds_ratio: Annotated[float | None, number("exp(estimate) of a log odds", 2)]
    odds_ratio_low: Annotated[float | None, number("lower end of its 95 % interval", 2)]
    odds_ratio_high: Annotated[float | None, number("its upper end", 2)]
    ame: Annotated[
        float | None, change("average marginal effect on the probability; null for linear fits")
    ]
    ame_se: Annotated[float | None, number("its standard error")]
    ame_low: Annotated[float | None, change("lower end of its 95 % interval")]
    ame_high: Annotated[float | None, change("its upper end")]
    baseline_events: Annotated[int, count("pairs without that flip that became misaligned")]
    baseline_n: Annotated[int, count("pairs without that flip")]
    total: Annotated[int, count("pairs in the regression")]


class DriftRow(Record, frozen=True):
    """A robustness score (linear, `pooled-clustered`) on the rewrites that stayed this similar."""

    threshold: Annotated[float, number("least cosine between original and rewrite", 3)]
    rewrites: Annotated[int, count("rewrites that are at least that similar")]
    feature: Annotated[str, text("the feature")]
    side: Annotated[str, text("chosen or rejected")]
    sign: Annotated[str, text("`+`: rewriting lost the feature, `-`: it gained it")]
    class_: Annotated[str, text("target, spoiler or other")]
    population: Annotated[str, text("all, or aligned: pairs aligned before rewriting")]
    estimate: Annotated[float | None, change("difference of probabilities")]
    std_error: Annotated[float | None, number("its standard error")]
    p_value: Annotated[float | None, p_value("two-sided p-value, not corrected")]
    log10_p: Annotated[float | None, log10_p()]
    ci_low: Annotated[float | None, change("lower end of the 95 % interval")]
    ci_high: Annotated[float | None, change("its upper end")]
    events: Annotated[int, count("of n, those that became misaligned")]
    n: Annotated[int, count("rewritten pairs with that flip")]
    total: Annotated[int, count("pairs in the regression")]


class StrategyRow(Record, frozen=True):
    """What a rewriting strategy does to one model's verdicts, whatever the flips."""

    strategy: Annotated[str, text("the rewriting strategy")]
    role: Annotated[str, text("post or pre")]
    n: Annotated[int, count("rewritten pairs")]
    cosine_mean: Annotated[float | None, number("mean of the lesser cosine of the two sides", 3)]
    resistance_before: Annotated[float | None, share("resistance on the originals")]
    resistance_after: Annotated[float | None, share("resistance on the rewrites")]
    change: Annotated[float | None, change("after − before")]
    change_low: Annotated[float | None, change("lower end of Newcombe's paired 95 % interval")]
    change_high: Annotated[float | None, change("its upper end")]
    aligned_before: Annotated[int, count("pairs aligned before rewriting")]
    became_misaligned: Annotated[int, count("of those, misaligned after it")]
    became_aligned: Annotated[int, count("misaligned before, aligned after")]
    loss: Annotated[float | None, share("became misaligned, of those aligned before")]
    loss_low: Annotated[float | None, share("lower end of its 95 % Wilson interval")]
    loss_high: Annotated[float | None, share("its upper end")]
    p_value: Annotated[float | None, p_value("exact McNemar test")]
    log10_p: Annotated[float | None, log10_p()]


class AmbiguityRow(Record, frozen=True):
    """Post-D resistance in one band of the ambiguity score; band 1 is the least ambiguous."""

    band: Annotated[int, count("number of the band")]
    n: Annotated[int, count("pairs")]
    score_low: Annotated[float, number("least ambiguity in the band, in bits", 2)]
    score_high: Annotated[float, number("greatest ambiguity in the band", 2)]
    misaligned: Annotated[int, count("pairs that post-D orders against the human preference")]
    resistance: Annotated[float, share("their share")]
    ci_low: Annotated[float | None, share("lower end of its 95 % Wilson interval")]
    ci_high: Annotated[float | None, share("its upper end")]


class VotesRow(Record, frozen=True):
    """Resistance of one model on pairs whose annotators agree (at least two votes, all alike) and
    on those whose annotators split."""

    role: Annotated[str, text("pre or post")]
    n_agree: Annotated[int, count("pairs on which the annotators agree")]
    aligned_agree: Annotated[int, count("of those, aligned")]
    resistance_agree: Annotated[float | None, share("resistance among them")]
    agree_low: Annotated[float | None, share("lower end of its 95 % Wilson interval")]
    agree_high: Annotated[float | None, share("its upper end")]
    n_split: Annotated[int, count("pairs on which the annotators split")]
    aligned_split: Annotated[int, count("of those, aligned")]
    resistance_split: Annotated[float | None, share("resistance among them")]
    split_low: Annotated[float | None, share("lower end of its 95 % Wilson interval")]
    split_high: Annotated[float | None, share("its upper end")]
    difference: Annotated[float | None, change("resistance where they split − where they agree")]
    std_error: Annotated[float | None, number("its standard error, clustered by group")]
    difference_low: Annotated[float | None, change("lower end of its 95 % interval")]
    difference_high: Annotated[float | None, change("its upper end")]
    statistic: Annotated[float | None, number("its t statistic", 2)]
    df: Annotated[float | None, number("degrees of freedom: groups − 1")]
    p_value: Annotated[float | None, p_value("two-sided p-value, not corrected")]
    log10_p: Annotated[float | None, log10_p()]
    clusters: Annotated[int, count("groups of pairs; a pair in none is one by itself")]
    tie_policy: Annotated[str, text("how a tie counts")]


class StabilityRow(Record, frozen=True):
    """Agreement of two labelers on one feature."""

    feature: Annotated[str, text("the feature")]
    labeler_a: Annotated[str, text("one labeler; `all` for Fleiss")]
    labeler_b: Annotated[str, text("the other; `all` for Fleiss")]
    n: Annotated[int, count("entries")]
    agreement: Annotated[float | None, share("share of equal labels")]
    kappa: Annotated[float | None, number("agreement beyond chance, at most 1", 2)]
    kappa_low: Annotated[float | None, number("lower end of its 95 % bootstrap interval", 2)]
    kappa_high: Annotated[float | None, number("its upper end", 2)]
    pabak: Annotated[float | None, number("κ if all labels were equally common", 2)]
    prevalence_a: Annotated[float | None, number("mean label by the one", 2)]
    prevalence_b: Annotated[float | None, number("mean label by the other", 2)]
    statistic: Annotated[str, text("cohen, or fleiss: all labelers at once")]
    labelers: Annotated[int, count("how many labelers")]


class StabilityImprintRow(Record, frozen=True):
    """One imprint coefficient (pair-fe) under two labelers, on the pairs that both labeled."""

    outcome: Annotated[str, text("pre, post or difference")]
    feature: Annotated[str, text("the feature")]
    class_: Annotated[str, text("target, spoiler or other")]
    labeler_a: Annotated[str, text("one labeler")]
    labeler_b: Annotated[str, text("the other")]
    n: Annotated[int, count("pairs")]
    estimate_a: Annotated[float | None, reward("coefficient by the labels of the one")]
    std_error_a: Annotated[float | None, number("its standard error")]
    ci_low_a: Annotated[float | None, reward("lower end of its 95 % interval")]
    ci_high_a: Annotated[float | None, reward("its upper end")]
    estimate_b: Annotated[float | None, reward("coefficient by the labels of the other")]
    std_error_b: Annotated[float | None, number("its standard error")]
    ci_low_b: Annotated[float | None, reward("lower end of its 95 % interval")]
    ci_high_b: Annotated[float | None, reward("its upper end")]
    difference: Annotated[float | None, reward("a − b")]
    difference_low: Annotated[float | None, reward("lower end of its paired 95 % interval")]
    difference_high: Annotated[float | None, reward("its upper end")]
    differs: Annotated[bool, flag("that interval excludes 0")]
    sign_change: Annotated[bool, flag("the two estimates have opposite signs")]
    sign_change_clear: Annotated[bool, flag("and each of them excludes 0")]


class DroppedFeature(Record, frozen=True):
    """What a table does not hold, and why. `*` stands for every feature, side or preset.

    reason: constant, collinear, too_rare, too_few_pairs, not_labeled, no_events, not_converged,
    no_targets, unlabeled_pairs, undefined_shift, tied_pairs, low_cosine.
    """

    table: Annotated[
        str,
        text(
            "which table; what the rows of a single strategy lack is listed as "
            "`robustness_by_strategy`"
        ),
    ]
    preset: Annotated[str, text("under which preset; `*`: every one")]
    feature: Annotated[str, text("which feature; `*`: every one")]
    side: Annotated[str, text("on which side; `*`: both")]
    reason: Annotated[str, text("in a word, see above")]
    detail: Annotated[str, text("in a sentence")]


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """Every metric table of a study, in the order of `metrics --json`."""

    alignment: tuple[AlignmentRow, ...]
    regimes: tuple[RegimeRow, ...]
    opinions: tuple[OpinionRow, ...]
    tests: tuple[TestRow, ...]
    shifts: tuple[ShiftRow, ...]
    imprint: tuple[ImprintRow, ...]
    shift_imprint: tuple[ShiftImprintRow, ...]
    misalignment: tuple[MisalignmentRow, ...]
    robustness: tuple[RobustnessRow, ...]
    robustness_drift: tuple[DriftRow, ...]
    resistance_by_strategy: tuple[StrategyRow, ...]
    resistance_by_ambiguity: tuple[AmbiguityRow, ...]
    resistance_by_votes: tuple[VotesRow, ...]
    stability: tuple[StabilityRow, ...]
    stability_imprint: tuple[StabilityImprintRow, ...]
    dropped: tuple[DroppedFeature, ...]
