"""What single pairs do to the imprint: residuals, and the influence of a pair on a coefficient.

Of the fit `pair-fe` on the post-D rewards (d5 with pair effects, as first differences). Both are
ways to find pairs worth reading, no tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.paper.imprint import SPARE, usable
from engine.paper.inputs import Float, Options, Pairs
from engine.paper.screen import screen


@dataclass(frozen=True)
class Influence:
    """residual: float64[N], post-D margin minus the margin that the features explain, in reward
    points. influence: float64[N, features], how far the feature's coefficient moves when the pair
    is left out (DFBETA, reward points). NaN where a pair lacks labels or a feature was left out.
    """

    residual: Float
    influence: Float


def influence(pairs: Pairs, options: Options) -> Influence:
    """Both for every pair, in the order given. O(N K²)."""
    residual = np.full(len(pairs), np.nan)
    moved = np.full((len(pairs), len(pairs.features)), np.nan)
    complete, columns, _ = usable(pairs, "imprint")
    rows = np.isin(pairs.pair_id, complete.pair_id)
    labels = complete.chosen[:, columns] - complete.rejected[:, columns]
    margin = complete.post[:, 0] - complete.post[:, 1]
    screened = screen(
        labels,
        [pairs.features[j].name for j in columns],
        centred=False,
        min_count=options.min_count,
        spare=SPARE,
        rows="pairs",
        units=len(complete),
    )
    if not screened.keep:
        residual[rows] = margin
        return Influence(residual, moved)
    x = labels[:, screened.keep].astype(np.float64)
    # R of x = QR gives (X'X)⁻¹ without squaring the condition number.
    q, r = np.linalg.qr(x)
    fitted = q @ (q.T @ margin)
    leverage = np.einsum("ij,ij->i", q, q)
    error = margin - fitted
    residual[rows] = error
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = error / (1 - leverage)
    # A pair of leverage 1 is fitted whatever its margin: without it the coefficient is undefined.
    alone[leverage > 1 - 1e-9] = np.nan
    step = np.linalg.solve(r, q.T).T * alone[:, None]
    estimated = np.array(columns)[screened.keep]
    moved[np.ix_(np.flatnonzero(rows), estimated)] = step
    return Influence(residual, moved)
