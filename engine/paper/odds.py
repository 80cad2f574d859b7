"""Logistic inference for a table of 0/1 outcomes on labels (docs/method.md).

Maximum likelihood where cells are full enough; Firth's penalised likelihood where the outcome is
separated or a cell of feature × outcome holds fewer than ten rows, and then likelihood-ratio
inference for the sparse columns, where a Wald interval misleads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import msgspec

from engine.paper.inference import Z_95, adjusted, coefficients
from engine.paper.inputs import Float, Int, Int8
from engine.paper.logistic import (
    LogitFit,
    Patterns,
    clustered_cov,
    discrete_effects,
    fit_firth,
    fit_logit,
    marginal_effects,
    patterns,
    profile_interval,
    profile_test,
    smallest_cells,
)
from engine.paper.special import LN10, chi2_log_sf_1
from engine.results.records import Coefficient, finite

SPARSE = 10  # rows in a cell below which Wald inference is not trusted
_PROFILE_COST = 4_000_000  # patterns × columns² above which the profile takes too long


@dataclass(frozen=True)
class Odds:
    """One column: log odds ratio with its inference, average effect on the probability, and how
    it was fitted (logit, firth)."""

    coefficient: Coefficient
    odds_ratio: float | None
    odds_ratio_low: float | None
    odds_ratio_high: float | None
    ame: float | None
    ame_se: float | None
    method: str


def log_odds(
    x: Int8,
    y: Float,
    *,
    terms: list[int],
    cluster: Int | None = None,
    opposite: dict[int, int] | None = None,
) -> list[Odds]:
    """Fit y (0/1, both present) on x (int8[n,K], screened) and an intercept.

    terms: the columns to report and correct over. cluster: codes 0 to G−1, if rows can repeat a
    pair. opposite: given, the effects are of switching a column on, with opposite[j] off; else
    derivatives.
    """
    p = patterns(x, y)
    cells = smallest_cells(x, y)
    fit = fit_logit(p)
    sparse = [j for j in terms if cells[j] < SPARSE]
    if not fit.converged or sparse:
        fit = fit_firth(p)
    wald = fit
    if cluster is not None and int(cluster.max()) + 1 < len(y):
        wald = replace(fit, cov=clustered_cov(p, fit, y, cluster))
    estimates = coefficients(fit.beta[1:], wald.std_error[1:], None)
    if fit.method == "firth" and p.x.shape[0] * p.x.shape[1] ** 2 < _PROFILE_COST:
        for j in sparse:
            estimates[j] = _profiled(p, fit, j, estimates[j])
    if opposite is None:
        effect, effect_se = (a[1:][terms] for a in marginal_effects(p, wald))
    else:
        columns = [j + 1 for j in terms]
        off = {j + 1: k + 1 for j, k in opposite.items()}
        effect, effect_se = discrete_effects(p, wald, columns, off)
    reported = adjusted([estimates[j] for j in terms])
    return [
        Odds(
            coefficient=c,
            odds_ratio=_exp(c.estimate),
            odds_ratio_low=_exp(c.ci_low),
            odds_ratio_high=_exp(c.ci_high),
            ame=finite(effect[i]),
            ame_se=finite(effect_se[i]),
            method=fit.method,
        )
        for i, c in enumerate(reported)
    ]


def _profiled(p: Patterns, fit: LogitFit, j: int, wald: Coefficient) -> Coefficient:
    """Column j with the penalised likelihood-ratio test (statistic: its signed root) and the
    profile interval, always model-based."""
    ratio = profile_test(p, fit, j + 1)
    low, high = profile_interval(p, fit, j + 1, Z_95)
    log_p = chi2_log_sf_1(ratio)
    return msgspec.structs.replace(
        wald,
        std_error=finite(fit.std_error[j + 1]),
        statistic=math.copysign(math.sqrt(ratio), fit.beta[j + 1]),
        p_value=math.exp(log_p),
        log10_p=finite(log_p / LN10),
        ci_low=finite(low),
        ci_high=finite(high),
    )


def _exp(value: float | None) -> float | None:
    return None if value is None or value > 700 else math.exp(value)
