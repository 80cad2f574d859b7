"""Rewriting beside the flips: each strategy's effect on the verdict, and the scores against drift
in meaning (docs/method.md)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.paper.changes import VerdictChange
from engine.paper.given import Given, Measured, measure
from engine.paper.inference import newcombe, wilson
from engine.paper.inputs import Feature, Options, Rewrites
from engine.paper.robustness import scores
from engine.results.records import DriftRow, DroppedFeature, StrategyRow

DRIFT = "robustness_drift"
THRESHOLDS = (0.0, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975)


@measure("resistance_by_strategy")
def strategies(given: Given) -> Measured[StrategyRow]:
    """Per strategy and model, post-D first. A placebo's row is the noise of rewriting itself."""
    return Measured([_row(change) for change in given.changes if change.n])


def _row(change: VerdictChange) -> StrategyRow:
    n, good, lost, gained = change.n, change.good, change.lost, change.gained
    # of misalignment, so that positive is worse
    low, high = newcombe(n - good - gained, gained, lost, good - lost)
    loss_low, loss_high = wilson(lost, good)
    return StrategyRow(
        strategy=change.strategy,
        role=change.role,
        n=n,
        cosine_mean=change.cosine,
        resistance_before=(n - good) / n,
        resistance_after=(n - good - gained + lost) / n,
        change=(lost - gained) / n,
        change_low=low,
        change_high=high,
        aligned_before=good,
        became_misaligned=lost,
        became_aligned=gained,
        loss=lost / good if good else None,
        loss_low=loss_low,
        loss_high=loss_high,
        p_value=change.test.p_value,
        log10_p=change.test.log10_p,
    )


@measure("robustness_drift")
def drift(given: Given) -> Measured[DriftRow]:
    return Measured(*drift_rows(given.every_rewrite, given.pairs.features, given.options))


def drift_rows(
    rewrites: Rewrites,
    features: tuple[Feature, ...],
    options: Options,
    thresholds: Sequence[float] = THRESHOLDS,
) -> tuple[list[DriftRow], list[DroppedFeature]]:
    """The linear scores on the rewrites at least so similar, per threshold; that of the study is
    one of them. A curve that stays
    level supports that it is the flip that matters and not a drift in meaning. `rewrites`: all of
    them, ordered()."""
    rows: list[DriftRow] = []
    dropped: list[DroppedFeature] = []
    for threshold in sorted({*thresholds, options.min_cosine}):
        near = rewrites.near(threshold)
        rows_at, missing = scores(near, features, options, ["pooled-clustered"], by_strategy=False)
        rows += [
            DriftRow(
                threshold=threshold,
                rewrites=len(near),
                feature=r.feature,
                side=r.side,
                sign=r.sign,
                class_=r.class_,
                population=r.population,
                estimate=r.coefficient.estimate,
                std_error=r.coefficient.std_error,
                p_value=r.coefficient.p_value,
                log10_p=r.coefficient.log10_p,
                ci_low=r.coefficient.ci_low,
                ci_high=r.coefficient.ci_high,
                events=r.events,
                n=r.n,
                total=r.total,
            )
            for r in rows_at
        ]
        where = f"cosine from {threshold:g}: "
        if len(rewrites):
            dropped += [
                msgspec.structs.replace(d, table=DRIFT, detail=where + d.detail) for d in missing
            ]
    return rows, dropped
