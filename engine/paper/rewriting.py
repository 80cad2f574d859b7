"""Rewriting beside the flips: each strategy's effect on the verdict, and the scores against drift
in meaning (docs/method.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.paper.inference import mcnemar, newcombe, wilson
from engine.paper.inputs import Bool, Feature, Options, Rewrites
from engine.paper.records import DriftRow, DroppedFeature, StrategyRow, number
from engine.paper.robustness import kept, orders, robustness, untied

DRIFT = "robustness_drift"
THRESHOLDS = (0.0, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975)


def strategy_rows(rewrites: Rewrites, options: Options) -> list[StrategyRow]:
    """Per strategy and model, post-D first. A placebo's row is the noise of rewriting itself.
    `rewrites` must be ordered()."""
    near = kept(rewrites, options.min_cosine)
    strategies = rewrites.strategies()
    rows = []
    for strategy in sorted(set(strategies.tolist())):
        members = near & (strategies == strategy)
        for role, before, after in (
            ("post", rewrites.post_original, rewrites.post_rewritten),
            ("pre", rewrites.pre_original, rewrites.pre_rewritten),
        ):
            known = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
            use = members & known & untied(before, after, options.tie_policy)
            if use.any():
                cosine = number(np.mean(rewrites.cosine[use].min(axis=1)))
                rows.append(_row(strategy, role, cosine, orders(before[use]), orders(after[use])))
    return rows


def _row(strategy: str, role: str, cosine: float | None, before: Bool, after: Bool) -> StrategyRow:
    n, good, lost = len(before), int(before.sum()), int(np.sum(before & ~after))
    gained = int(np.sum(~before & after))
    # of misalignment, so that positive is worse
    low, high = newcombe(n - good - gained, gained, lost, good - lost)
    loss_low, loss_high = wilson(lost, good)
    test = mcnemar(lost, gained, n)
    return StrategyRow(
        strategy=strategy,
        role=role,
        n=n,
        cosine_mean=cosine,
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
        p_value=test.p_value,
        log10_p=test.log10_p,
    )


def drift_rows(
    rewrites: Rewrites,
    features: tuple[Feature, ...],
    options: Options,
    thresholds: Sequence[float] = THRESHOLDS,
) -> tuple[list[DriftRow], list[DroppedFeature]]:
    """The linear scores on the rewrites at least so similar, per threshold. A curve that stays
    level supports that it is the flip that matters and not a drift in meaning. `rewrites` must be
    ordered()."""
    rows: list[DriftRow] = []
    dropped: list[DroppedFeature] = []
    for threshold in thresholds:
        near = rewrites.take(kept(rewrites, threshold))
        at = replace(options, min_cosine=0.0)
        found, missing = robustness(near, features, at, ["pooled-clustered"], by_strategy=False)
        rows += [
            DriftRow(
                threshold=threshold,
                rewrites=len(near),
                feature=r.feature,
                side=r.side,
                sign=r.sign,
                class_=r.class_,
                population=r.population,
                estimate=r.estimate,
                std_error=r.std_error,
                p_value=r.p_value,
                log10_p=r.log10_p,
                ci_low=r.ci_low,
                ci_high=r.ci_high,
                events=r.events,
                n=r.n,
                total=r.total,
            )
            for r in found
        ]
        where = f"cosine from {threshold:g}: "
        if len(rewrites):
            dropped += [replace(d, table=DRIFT, detail=where + d.detail) for d in missing]
    return rows, dropped
