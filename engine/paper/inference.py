"""The tests of the paper (docs/method.md) and the numbers around one coefficient.

Every p-value comes with its base-10 logarithm, which does not underflow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from engine.paper.inputs import Correction, Float
from engine.paper.special import (
    LN10,
    log_binomial_half_tail,
    log_normal_two_sided,
    log_t_two_sided,
    t_quantile,
)
from engine.results.records import Coefficient, finite

# Written out: the library that would give them takes a third of the engine's start.
Z_95 = 1.959963984540054  # the 0.975-quantile of the normal distribution
# An effect of this many standard errors is found with 80 % power.
Z_POWER = 2.8015852181129683  # Z_95 + the 0.80-quantile


@dataclass(frozen=True)
class Test:
    """One test: n observations used, statistic, two-sided p and log10 p (None if undefined)."""

    __test__ = False

    n: int
    statistic: float | None
    p_value: float | None
    log10_p: float | None


def _test(n: int, statistic: float, log_p: float) -> Test:
    return Test(n, finite(statistic), math.exp(log_p), finite(log_p / LN10))


def _exact_half(low: int, n: int) -> float:
    """ln min(1, 2 P(Bin(n, 1/2) <= low))."""
    return min(0.0, math.log(2.0) + log_binomial_half_tail(low, n))


def sign_test(n_plus: int, n_minus: int) -> Test:
    """Sign test against 0; statistic M = (n₊ − n₋)/2, zeros already left out."""
    n = n_plus + n_minus
    if n == 0:
        return Test(0, None, None, None)
    return _test(n, (n_plus - n_minus) / 2, _exact_half(min(n_plus, n_minus), n))


def mcnemar(b: int, c: int, n: int | None = None) -> Test:
    """Exact McNemar test on the discordant counts b and c; statistic min(b, c)."""
    if b + c == 0:
        return Test(n or 0, None, None, None)
    return _test(b + c if n is None else n, min(b, c), _exact_half(min(b, c), b + c))


def one_sample_t(x: Float) -> Test:
    """t-test of mean 0, ddof 1. x: float64[n]."""
    n = len(x)
    sd = float(np.std(x, ddof=1)) if n > 1 else 0.0
    if sd == 0.0:
        return Test(n, None, None, None)
    t = float(np.mean(x)) / (sd / math.sqrt(n))
    return _test(n, t, log_t_two_sided(t, n - 1))


def two_sample_t(x: Float, y: Float) -> Test:
    """Pooled-variance t-test of equal means."""
    n, m = len(x), len(y)
    if n < 2 or m < 2:
        return Test(n + m, None, None, None)
    ss = float(np.sum((x - x.mean()) ** 2) + np.sum((y - y.mean()) ** 2))
    se = math.sqrt(ss / (n + m - 2) * (1 / n + 1 / m))
    if se == 0.0:
        return Test(n + m, None, None, None)
    t = float(x.mean() - y.mean()) / se
    return _test(n + m, t, log_t_two_sided(t, n + m - 2))


def wilson(successes: float, n: float) -> tuple[float | None, float | None]:
    """95 % Wilson interval of a share; (None, None) for n = 0."""
    if n <= 0:
        return None, None
    p, z2 = successes / n, Z_95 * Z_95
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def adjust(p: Float, method: Correction, extra: int = 0) -> Float:
    """p-values corrected for multiplicity. p: float64[m], NaN where there is none (kept, not
    counted). `extra` terms are counted beside them (the released code counts the intercept)."""
    out = np.full(p.shape, np.nan)
    valid = np.flatnonzero(~np.isnan(p))
    m = len(valid) + extra
    if len(valid) == 0 or method == "none":
        out[valid] = p[valid]
        return out
    if method == "bonferroni":
        out[valid] = np.minimum(1.0, m * p[valid])
        return out
    order = valid[np.argsort(p[valid], kind="stable")]
    rank = np.arange(1, len(order) + 1)
    if method == "holm":
        stepped = np.maximum.accumulate((m - rank + 1) * p[order])
    else:
        stepped = np.minimum.accumulate((m / rank * p[order])[::-1])[::-1]
    out[order] = np.minimum(1.0, stepped)
    return out


def coefficients(
    beta: Float,
    std_error: Float,
    df: float | None,
    correction: Correction = "bonferroni",
    extra: int = 0,
) -> list[Coefficient]:
    """Wald inference for each estimate: t(df), or normal if df is None. beta, std_error:
    float64[K]; a zero or unknown standard error leaves the inference None. correction, extra: of
    p_adjusted, see `adjust`."""
    quantile = Z_95 if df is None else t_quantile(0.975, df)
    valid = np.isfinite(beta) & np.isfinite(std_error) & (std_error > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = beta / std_error
    log_p = np.full(len(beta), np.nan)
    for j in np.flatnonzero(valid):
        r = float(ratio[j])
        log_p[j] = log_normal_two_sided(r) if df is None else log_t_two_sided(r, df)
    out = []
    for i in range(len(beta)):
        b, se = float(beta[i]), float(std_error[i])
        if not valid[i]:
            out.append(Coefficient(finite(b), df=df))
            continue
        one = Coefficient(
            estimate=b,
            std_error=se,
            statistic=finite(ratio[i]),
            df=df,
            p_value=math.exp(log_p[i]),
            log10_p=finite(log_p[i] / LN10),
            ci_low=finite(b - quantile * se),
            ci_high=finite(b + quantile * se),
            mde=finite(Z_POWER * se),
        )
        out.append(one)
    return adjusted(out, correction, extra)


def adjusted(
    estimates: Sequence[Coefficient], correction: Correction = "bonferroni", extra: int = 0
) -> list[Coefficient]:
    """The same coefficients with every adjusted p-value computed over all of them."""
    p = np.array([np.nan if c.p_value is None else c.p_value for c in estimates], dtype=np.float64)
    own, bonferroni, holm, bh = (
        adjust(p, correction, extra),
        *(adjust(p, method) for method in ("bonferroni", "holm", "bh")),
    )
    return [
        msgspec.structs.replace(
            c,
            p_adjusted=finite(own[i]),
            p_bonferroni=finite(bonferroni[i]),
            p_holm=finite(holm[i]),
            p_bh=finite(bh[i]),
        )
        for i, c in enumerate(estimates)
    ]


def newcombe(both: int, only_first: int, only_second: int, neither: int) -> tuple[float, float]:
    """95 % interval of the difference second − first of two shares on the same n > 0 pairs, from
    their Wilson intervals and correlation (Newcombe 1998, method 10)."""
    n = both + only_first + only_second + neither
    first, second = both + only_first, both + only_second
    p, q = first / n, second / n
    ends = wilson(first, n), wilson(second, n)
    (p_low, p_high), (q_low, q_high) = ((x or 0.0, y or 0.0) for x, y in ends)
    spread = math.sqrt(first * (n - first) * second * (n - second))
    phi = (both * neither - only_first * only_second) / spread if spread else 0.0
    below, above = (q - q_low, p_high - p), (q_high - q, p - p_low)
    low, high = (math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b)) for a, b in (below, above))
    return q - p - low, q - p + high
