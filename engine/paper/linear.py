"""Linear fits in plain numpy, held to statsmodels in the tests (docs/method.md).

Cost of a fit: one pass over the design for X'X and one for the scores, O(n K²).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.paper.inputs import Float, Int


@dataclass(frozen=True)
class LinearFit:
    """beta float64[K], cov float64[K,K], df of the t distribution, n rows, clusters or None,
    residual float64[n]."""

    beta: Float
    cov: Float
    df: float
    n: int
    clusters: int | None
    residual: Float

    @property
    def std_error(self) -> Float:
        return np.sqrt(np.clip(np.diag(self.cov), 0.0, None))


def _solve(x: Float, y: Float) -> tuple[Float, Float, Float]:
    """beta, (X'X)^-1 and residuals of least squares. x must have full column rank (see `screen`);
    columns are scaled first, so that a wide-ranging column such as row_id does no harm."""
    scale = np.sqrt(np.sum(x * x, axis=0))
    z = x / scale
    inverse = np.linalg.inv(z.T @ z)
    gamma = inverse @ (z.T @ y)
    gamma = gamma + inverse @ (z.T @ (y - z @ gamma))  # one step of refinement
    return gamma / scale, inverse / np.outer(scale, scale), y - z @ gamma


def ols(x: Float, y: Float) -> LinearFit:
    """Least squares with classical standard errors, df = n − K. x: float64[n,K] with its own
    intercept column, n > K; y: float64[n]."""
    n, k = x.shape
    beta, inverse, residual = _solve(x, y)
    s2 = float(residual @ residual) / (n - k)
    return LinearFit(beta, s2 * inverse, float(n - k), n, None, residual)


def ols_clustered(x: Float, y: Float, cluster: Int) -> LinearFit:
    """Least squares with CR1 errors: factor G/(G−1)·(n−1)/(n−K), t(G−1). cluster: int[n],
    codes 0 to G−1, each present. With one row per cluster this is HC1 (factor n/(n−K))."""
    n, k = x.shape
    beta, inverse, residual = _solve(x, y)
    scores = cluster_sums(x * residual[:, None], cluster)
    g = len(scores)
    factor = g / (g - 1) * (n - 1) / (n - k)
    cov = factor * inverse @ (scores.T @ scores) @ inverse
    return LinearFit(beta, cov, float(g - 1), n, g, residual)


def first_difference(dx: Float, dy: Float) -> LinearFit:
    """Pair fixed effects, clustered by pair, as differences without intercept (exact for two
    entries a pair). CR1 with N = 2G entries and K slopes, t(G−1): the absorbed pair effects are
    nested in the clusters and not counted (docs/method.md). dx: float64[G,K]; dy: float64[G]."""
    g, k = dx.shape
    beta, inverse, residual = _solve(dx, dy)
    scores = dx * residual[:, None]
    factor = g / (g - 1) * (2 * g - 1) / (2 * g - k)
    cov = factor * inverse @ (scores.T @ scores) @ inverse
    return LinearFit(beta, cov, float(g - 1), 2 * g, g, residual)


def cluster_sums(rows: Float, cluster: Int) -> Float:
    """Sums of rows (float64[n,K]) within clusters (codes 0 to G−1): float64[G,K]."""
    g = int(cluster.max()) + 1
    if g == len(cluster):
        return rows
    out = np.empty((g, rows.shape[1]))
    for j in range(rows.shape[1]):
        out[:, j] = np.bincount(cluster, weights=rows[:, j], minlength=g)
    return out


def vif(x: Float, centred: bool = True) -> Float:
    """Variance inflation factors diag(R^-1). x: float64[n,K] of full rank, without intercept;
    centred: R is the correlation matrix, else the uncentred one (a fit without intercept)."""
    if x.shape[1] == 0:
        return np.zeros(0)
    if centred:
        x = x - x.mean(axis=0)
    gram = x.T @ x
    scale = np.sqrt(np.diag(gram))
    return np.diag(np.linalg.inv(gram / np.outer(scale, scale))).copy()
