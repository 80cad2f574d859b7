"""Tails and quantiles in logarithms, so that no p-value is lost to underflow.

The only place of this room that touches scipy.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

LN10 = math.log(10.0)
_DEEP = 1e-290  # below this a double p-value is near underflow: go on in logarithms


@cache
def _scipy() -> Any:
    """A third of the engine's start, which needs none of it."""
    import scipy.special

    return scipy.special


def log_normal_two_sided(z: float) -> float:
    """ln P(|Z| >= |z|), standard normal, for any finite z."""
    return min(0.0, float(_scipy().log_ndtr(-abs(z))) + math.log(2.0))


def log_t_two_sided(t: float, df: float) -> float:
    """ln P(|T| >= |t|), Student with df degrees of freedom, for any finite t.

    P = I_x(df/2, 1/2), x = df/(df+t^2). Where that underflows, the continued fraction of the
    incomplete beta function; its convergence is fast there. The normal tail would not do: at
    t = 40, df = 1.6e5 it is off by four units of ln p.
    """
    t2 = t * t
    y = t2 / (df + t2)
    p = float(_scipy().betaincc(0.5, df / 2.0, y))
    if p > _DEEP:
        return min(0.0, math.log(p))
    a, b = df / 2.0, 0.5
    log_x = -math.log1p(t2 / df)
    front = a * log_x + b * math.log(y) - math.log(a) - float(_scipy().betaln(a, b))
    return min(0.0, front + math.log(_beta_fraction(a, b, math.exp(log_x))))


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of I_x(a, b) by modified Lentz; good for x < (a+1)/(a+b+2)."""
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    h = d
    for m in range(1, 2000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)),
        ):
            d = 1.0 + numerator * d
            c = 1.0 + numerator / c
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            h *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return h


def log_binomial_half_tail(k: int, n: int) -> float:
    """ln P(Bin(n, 1/2) <= k), 0 <= k <= n."""
    if k >= n:
        return 0.0
    p = float(_scipy().betainc(n - k, k + 1.0, 0.5))
    if p > _DEEP:
        return math.log(p)
    log_pmf = float(
        _scipy().gammaln(n + 1.0) - _scipy().gammaln(k + 1.0) - _scipy().gammaln(n - k + 1.0)
    )
    log_pmf -= n * math.log(2.0)
    # P(X <= k) = pmf(k) (1 + k/(n-k+1) + ...): a geometric-like series, short this far out
    j = np.arange(min(k, 200_000), dtype=np.float64)
    series = 1.0 + float(np.sum(np.cumprod((k - j) / (n - k + 1.0 + j))))
    return log_pmf + math.log(series)


def t_quantile(q: float, df: float) -> float:
    """The q-quantile of Student's t."""
    return float(_scipy().stdtrit(df, q))


def chi2_log_sf_1(x: float) -> float:
    """ln P(chi^2_1 >= x), x >= 0."""
    return log_normal_two_sided(math.sqrt(max(x, 0.0)))
