"""The one entry the engine calls: all measures of a study from arrays.

Pure and deterministic: the same rows in any order give the same bits (at a fixed number of BLAS
threads). Cost without bootstrap O(N K²).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.paper.ambiguity import Ambiguity, ambiguity, ambiguity_rows, preference
from engine.paper.hypotheses import verdict_tests
from engine.paper.imprint import reward_imprint, shift_imprint
from engine.paper.inputs import (
    MISSING,
    PRESETS,
    Bool,
    Feature,
    Float,
    Int,
    Labels,
    Options,
    Pairs,
    Preset,
    Rewrites,
    check_labels,
    no_rewrites,
)
from engine.paper.misalignment import misalignment
from engine.paper.records import (
    AlignmentRow,
    AmbiguityRow,
    DriftRow,
    DroppedFeature,
    ImprintRow,
    MisalignmentRow,
    OpinionRow,
    RegimeRow,
    RobustnessRow,
    ShiftImprintRow,
    ShiftRow,
    StabilityImprintRow,
    StabilityRow,
    StrategyRow,
    TestRow,
    as_dicts,
)
from engine.paper.resistance import (
    OPINIONS,
    REGIMES,
    UNLABELED,
    Verdicts,
    alignment_rows,
    compare,
    counted,
    opinion_columns,
    opinion_rows,
    regime_rows,
    shift_rows,
    verdicts,
    within_noise,
)
from engine.paper.rewriting import drift_rows, strategy_rows
from engine.paper.robustness import robustness
from engine.paper.shift import Shift, shifts
from engine.paper.stability import stability
from engine.paper.stability_imprint import stability_imprint

__all__ = [
    "MISSING",
    "PRESETS",
    "Feature",
    "Labels",
    "Measures",
    "Options",
    "PairFacts",
    "Pairs",
    "Rewrites",
    "compute",
    "no_rewrites",
    "pair_facts",
]


@dataclass(frozen=True)
class Measures:
    """Every metric table of a study."""

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
    stability: tuple[StabilityRow, ...]
    stability_imprint: tuple[StabilityImprintRow, ...]
    dropped: tuple[DroppedFeature, ...]
    preset: Preset

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """The tables of `metrics --json`: name → records; finite numbers or None throughout."""
        return {
            "alignment": as_dicts(self.alignment),
            "regimes": as_dicts(self.regimes),
            "opinions": as_dicts(self.opinions),
            "tests": as_dicts(self.tests),
            "shifts": as_dicts(self.shifts),
            "imprint": as_dicts(self.imprint),
            "shift_imprint": as_dicts(self.shift_imprint),
            "misalignment": as_dicts(self.misalignment),
            "robustness": as_dicts(self.robustness),
            "robustness_drift": as_dicts(self.robustness_drift),
            "resistance_by_strategy": as_dicts(self.resistance_by_strategy),
            "resistance_by_ambiguity": as_dicts(self.resistance_by_ambiguity),
            "stability": as_dicts(self.stability),
            "stability_imprint": as_dicts(self.stability_imprint),
            "dropped": as_dicts(self.dropped),
        }


@dataclass(frozen=True)
class PairFacts:
    """What is stored and browsed per pair, in pair_id order; arrays of length N.

    regime: stayed, got, resisted, reversed, by strict comparison (a tie is misaligned; see the
    tied flags). opinion: c, i, r, or unlabeled. Angles in degrees, NaN where a reward vector is
    zero. noise_limited: the post margin is within the noise floor, but no exact tie. ambiguity =
    unsure + disagree, bits.
    """

    pair_id: Int
    regime: NDArray[np.str_]
    opinion: NDArray[np.str_]
    aligned_pre: Bool
    aligned_post: Bool
    tied_pre: Bool
    tied_post: Bool
    direction_pre: Float
    direction_post: Float
    theta: Float
    gain: Float
    margin_pre: Float
    margin_post: Float
    margin_change: Float
    norm_pre: Float
    norm_post: Float
    small_norm: Bool
    noise_limited: Bool
    ambiguity: Float
    ambiguity_unsure: Float
    ambiguity_disagree: Float


def compute(
    pairs: Pairs,
    rewrites: Rewrites | None,
    labelers: Sequence[Labels],
    options: Options,
) -> Measures:
    """All measures. labelers: every labeler whose stability is wanted, the main one first;
    fewer than two give empty tables. Raises ValueError for rewards that are not finite, ids or
    labels given twice, or arrays of the wrong shape; never for too little data."""
    pairs = pairs.ordered()
    rewrites = no_rewrites(len(pairs.features)) if rewrites is None else rewrites.ordered()
    _check_rewrites(rewrites, pairs)
    v = verdicts(pairs, options)
    shift = shifts(pairs, options.small_norm)
    imprints, dropped_imprint = reward_imprint(pairs, options)
    shift_imprints, dropped_shift = shift_imprint(pairs, shift, options)
    misaligned, dropped_misaligned = misalignment(pairs, v, options)
    robust, dropped_robust = robustness(rewrites, pairs.features, options)
    drift, dropped_drift = drift_rows(rewrites, pairs.features, options)
    stable = stability(pairs, labelers, options)
    stable_imprints, dropped_stable = stability_imprint(pairs, labelers, options)
    bands = counted(v, options.tie_policy)
    score = pair_ambiguity(pairs, labelers, v, shift, options).score
    return Measures(
        alignment=tuple(alignment_rows(pairs, options)),
        regimes=tuple(regime_rows(v, options.tie_policy)),
        opinions=tuple(opinion_rows(v)),
        tests=tuple(verdict_tests(pairs, v, shift, rewrites, options)),
        shifts=tuple(shift_rows(v, shift, options.tie_policy)),
        imprint=tuple(imprints),
        shift_imprint=tuple(shift_imprints),
        misalignment=tuple(misaligned),
        robustness=tuple(robust),
        robustness_drift=tuple(drift),
        resistance_by_strategy=tuple(strategy_rows(rewrites, options)),
        resistance_by_ambiguity=tuple(ambiguity_rows(score[bands], v.aligned_post[bands])),
        stability=tuple(stable),
        stability_imprint=tuple(stable_imprints),
        dropped=(
            *_no_opinion(pairs, options),
            *dropped_imprint,
            *dropped_shift,
            *dropped_misaligned,
            *dropped_robust,
            *dropped_drift,
            *dropped_stable,
        ),
        preset=options.preset,
    )


def pair_ambiguity(
    pairs: Pairs, labelers: Sequence[Labels], v: Verdicts, shift: Shift, options: Options
) -> Ambiguity:
    """Ambiguity by the person, both reward models, the main labeler and, where they labeled the
    targets of both sides, the other labelers. `v` and `shift` belong to `pairs`."""
    margins = shift.margin_pre, shift.margin_post
    models = [
        preference(margin, floor, options.temperature)
        for margin, floor in zip(margins, options.noise_floor, strict=True)
    ]
    columns = opinion_columns(pairs.features, options.opinion_features)
    names = [pairs.features[j].name for j in columns]
    opinions = [v.opinion]
    for labels in labelers[1:]:  # the first is the main one, whose opinion `v` holds
        if all(name in labels.features for name in names):
            chosen, rejected = labels.of_pairs(pairs.pair_id, names)
            opinions.append(compare(chosen, rejected, options.opinion))
    return ambiguity(models, opinions)


def pair_facts(pairs: Pairs, labelers: Sequence[Labels], options: Options) -> PairFacts:
    """The facts of every pair, in pair_id order; `labelers` as for `compute`."""
    pairs = pairs.ordered()
    v = verdicts(pairs, options)
    s = shifts(pairs, options.small_norm)
    a = pair_ambiguity(pairs, labelers, v, s, options)
    return PairFacts(
        pair_id=pairs.pair_id,
        regime=np.array(REGIMES)[v.regime],
        opinion=np.array([*OPINIONS, UNLABELED])[v.opinion],
        aligned_pre=v.aligned_pre,
        aligned_post=v.aligned_post,
        tied_pre=v.tied_pre,
        tied_post=v.tied_post,
        direction_pre=s.direction_pre,
        direction_post=s.direction_post,
        theta=s.theta,
        gain=s.gain,
        margin_pre=s.margin_pre,
        margin_post=s.margin_post,
        margin_change=s.margin_change,
        norm_pre=s.norm_pre,
        norm_post=s.norm_post,
        small_norm=s.small_norm,
        noise_limited=within_noise(s.margin_post, options.noise_floor[1]),
        ambiguity=a.score,
        ambiguity_unsure=a.unsure,
        ambiguity_disagree=a.disagree,
    )


def _check_rewrites(rewrites: Rewrites, pairs: Pairs) -> None:
    for name in ("original_chosen", "original_rejected", "rewritten_chosen", "rewritten_rejected"):
        labels = getattr(rewrites, name)
        if labels.shape[1] != len(pairs.features):
            raise ValueError(f"Rewrites.{name}: one column per feature of Pairs")
        check_labels(f"Rewrites.{name}", pairs.features, labels)


def _no_opinion(pairs: Pairs, options: Options) -> list[DroppedFeature]:
    if opinion_columns(pairs.features, options.opinion_features):
        return []
    detail = "no target feature, so the labeler has no opinion on any pair"
    return [DroppedFeature("opinions", "*", "*", "*", "no_targets", detail)]
