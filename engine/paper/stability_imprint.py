"""Does the imprint depend on who labels? Each coefficient under two labelers on the same pairs,
and the paired interval of its difference (docs/method.md)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from engine.paper.given import Given, Measured, measure
from engine.paper.inference import Z_95, coefficients
from engine.paper.inputs import MISSING, Feature, Float, Labels, Options, Pairs
from engine.paper.linear import LinearFit, first_difference
from engine.paper.screen import dropped_terms, screen
from engine.results.records import Coefficient, DroppedFeature, StabilityImprintRow, finite

TABLE = "stability_imprint"
OUTCOMES = ("pre", "post", "difference")
_EXACT = 20_000  # pairs up to which the bootstrap refits; above, its linear form (same limit)
_CHUNK = 50
_SPARE = 10


@measure(TABLE)
def table(given: Given) -> Measured[StabilityImprintRow]:
    return Measured(*stability_imprint(given.pairs, given.labelers, given.options))


def stability_imprint(
    pairs: Pairs, labelers: Sequence[Labels], options: Options
) -> tuple[list[StabilityImprintRow], list[DroppedFeature]]:
    """Every two labelers × outcome × feature that can be estimated under both (`pair-fe`).
    `pairs` must be ordered()."""
    rows: list[StabilityImprintRow] = []
    dropped: list[DroppedFeature] = []
    for a, b in combinations(labelers, 2):
        result, missing = _compared(pairs, a, b, options)
        rows += result
        dropped += missing
    return rows, dropped


def _compared(
    pairs: Pairs, a: Labels, b: Labels, options: Options
) -> tuple[list[StabilityImprintRow], list[DroppedFeature]]:
    features = [f for f in pairs.features if f.regress]
    features = [f for f in features if f.name in a.features and f.name in b.features]
    features, missing = _labeled(features, a, b)
    names = [f.name for f in features]
    sides = [labels.of_pairs(pairs.pair_id, names) for labels in (a, b)]
    common = np.ones(len(pairs), np.bool_)
    for chosen, rejected in sides:
        common &= ((chosen != MISSING) & (rejected != MISSING)).all(axis=1)
    dx_a, dx_b = (chosen[common] - rejected[common] for chosen, rejected in sides)
    dropped = missing
    keep = set(range(len(names)))
    for dx, labels in ((dx_a, a), (dx_b, b)):
        result = screen(
            dx, names, centred=False, min_count=options.min_count, spare=_SPARE, rows="pairs"
        )
        keep &= set(result.keep)
        text = f"{a.name} and {b.name}, labels of {labels.name}: "
        dropped += dropped_terms(TABLE, "pair-fe", [(name, "*") for name in names], result, text)
    columns = sorted(keep)
    if not columns:
        return [], dropped
    x_a, x_b = (dx[:, columns].astype(np.float64) for dx in (dx_a, dx_b))
    pre, post = (r[common, 0] - r[common, 1] for r in (pairs.pre, pairs.post))
    y = np.column_stack([pre, post, post - pre])
    fits = [(first_difference(x_a, one), first_difference(x_b, one)) for one in y.T]
    seed = [options.seed, zlib.crc32(a.name.encode()), zlib.crc32(b.name.encode())]
    low, high = _interval(x_a, x_b, y, fits, options.bootstrap, seed)
    shared = [features[j] for j in columns]
    return [
        row
        for o, outcome in enumerate(OUTCOMES)
        for row in _rows(outcome, shared, (a.name, b.name), fits[o], low[o], high[o])
    ], dropped


def _labeled(
    features: list[Feature], a: Labels, b: Labels
) -> tuple[list[Feature], list[DroppedFeature]]:
    """A feature that one of the two never labels would leave no common pair at all."""
    shared, dropped = [], []
    for feature in features:
        silent = [
            labels.name
            for labels in (a, b)
            if (labels.labels[:, labels.features.index(feature.name)] == MISSING).all()
        ]
        if silent and (len(a.pair_id) or len(b.pair_id)):
            detail = f"{a.name} and {b.name}: no label by {', '.join(silent)}"
            dropped.append(
                DroppedFeature(TABLE, "pair-fe", feature.name, "*", "not_labeled", detail)
            )
        else:
            shared.append(feature)
    return shared, dropped


def _rows(
    outcome: str,
    features: Sequence[Feature],
    names: tuple[str, str],
    fits: tuple[LinearFit, LinearFit],
    low: Float,
    high: Float,
) -> list[StabilityImprintRow]:
    rows = []
    under = [coefficients(fit.beta, fit.std_error, fit.df) for fit in fits]
    for i, feature in enumerate(features):
        a, b = under[0][i], under[1][i]
        gap = fits[0].beta[i] - fits[1].beta[i]
        opposite = bool(fits[0].beta[i] * fits[1].beta[i] < 0)
        rows.append(
            StabilityImprintRow(
                outcome=outcome,
                feature=feature.name,
                class_=feature.role,
                labeler_a=names[0],
                labeler_b=names[1],
                n=fits[0].n // 2,
                estimate_a=a.estimate,
                std_error_a=a.std_error,
                ci_low_a=a.ci_low,
                ci_high_a=a.ci_high,
                estimate_b=b.estimate,
                std_error_b=b.std_error,
                ci_low_b=b.ci_low,
                ci_high_b=b.ci_high,
                difference=finite(gap),
                difference_low=finite(low[i]),
                difference_high=finite(high[i]),
                differs=bool(low[i] > 0 or high[i] < 0),
                sign_change=opposite,
                sign_change_clear=opposite and _clear(a) and _clear(b),
            )
        )
    return rows


def _clear(c: Coefficient) -> bool:
    return c.ci_low is not None and c.ci_high is not None and (c.ci_low > 0 or c.ci_high < 0)


def _interval(
    x_a: Float,
    x_b: Float,
    y: Float,
    fits: Sequence[tuple[LinearFit, LinearFit]],
    draws: int,
    seed: list[int],
) -> tuple[Float, Float]:
    """95 % intervals float64[O,K] of beta_a − beta_b for outcomes y (float64[n,O]): percentile
    bootstrap over pairs, both labelers refitted on the same draw. Many pairs: its linear form,
    the sandwich variance of the difference."""
    n, k = x_a.shape
    outcomes = y.shape[1]
    if n > _EXACT or draws == 0:
        ends = []
        for a, b in fits:
            influence = _influence(x_a, a) - _influence(x_b, b)
            se = np.sqrt(np.sum(influence * influence, axis=0))
            ends.append((a.beta - b.beta - Z_95 * se, a.beta - b.beta + Z_95 * se))
        return np.array([low for low, _ in ends]), np.array([high for _, high in ends])
    generator = np.random.default_rng(seed)
    result = np.empty((draws, outcomes, k))
    products = [_products(x, y) for x in (x_a, x_b)]
    for start in range(0, draws, _CHUNK):
        count = min(_CHUNK, draws - start)
        weights = generator.multinomial(n, np.full(n, 1.0 / n), size=count).astype(np.float64)
        first, second = (_refit(weights, p, k, outcomes) for p in products)
        result[start : start + count] = first - second
    low, high = np.quantile(result, [0.025, 0.975], axis=0)
    return low, high


def _influence(x: Float, fit: LinearFit) -> Float:
    return np.asarray((x * fit.residual[:, None]) @ np.linalg.inv(x.T @ x), dtype=np.float64)


def _products(x: Float, y: Float) -> Float:
    """Per pair the entries of x x' and y x', float64[n, K² + O·K]."""
    n = len(x)
    parts = (x[:, :, None] * x[:, None, :], y[:, :, None] * x[:, None, :])
    return np.hstack([part.reshape(n, -1) for part in parts])


def _refit(weights: Float, products: Float, k: int, outcomes: int) -> Float:
    """Coefficients float64[draws, O, K]. A draw in which a rare feature is gone gives it 0
    (pseudo-inverse); with min_count 10 that is one draw in 20,000."""
    sums = weights @ products
    gram = sums[:, : k * k].reshape(-1, k, k)
    inverse = np.linalg.pinv(gram, hermitian=True)
    cross = sums[:, k * k :].reshape(-1, outcomes, k)
    return np.asarray(cross @ inverse, dtype=np.float64)
