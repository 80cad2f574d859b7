"""The imprint under two labelers on the same pairs, and the paired interval of its difference."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from engine.paper.inference import Z_95
from engine.paper.inputs import MISSING, Float, Int, Int8, Labels, Options, Pairs
from engine.paper.linear import LinearFit, first_difference
from engine.paper.records import DroppedFeature, number
from engine.paper.screen import dropped_terms, screen

_EXACT = 20_000  # pairs up to which the bootstrap refits; above, its linear form (same limit)
_CHUNK = 50
_SPARE = 10


@dataclass(frozen=True)
class BetaDifference:
    """One feature's imprint (post-D, pair-fe) under labelers a and b on n common pairs; low and
    high: 95 % interval of a − b from the paired bootstrap over pairs."""

    beta_a: float
    beta_b: float
    low: float | None
    high: float | None
    n: int


def beta_differences(
    pairs: Pairs, a: Labels, b: Labels, options: Options
) -> tuple[dict[str, BetaDifference], list[DroppedFeature]]:
    """Per feature that both labelers label and whose imprint can be estimated under both.
    `pairs` must be ordered()."""
    names = [f.name for f in pairs.features if f.regress]
    names = [name for name in names if name in a.features and name in b.features]
    where = f"{a.name} and {b.name}"
    places = _pairs_labeled(pairs, a, names), _pairs_labeled(pairs, b, names)
    common = (places[0] >= 0).all(axis=1) & (places[1] >= 0).all(axis=1)
    dx_a, dx_b = (
        _differences(labels, place[common], names)
        for labels, place in zip((a, b), places, strict=True)
    )
    dy = pairs.post[common, 0] - pairs.post[common, 1]
    dropped: list[DroppedFeature] = []
    keep = set(range(len(names)))
    for dx, labels in ((dx_a, a), (dx_b, b)):
        found = screen(
            dx, names, centred=False, min_count=options.min_count, spare=_SPARE, rows="pairs"
        )
        keep &= set(found.keep)
        text = f"imprint for {where}, labels of {labels.name}: "
        terms = [(name, "*") for name in names]
        dropped += dropped_terms("stability", "pair-fe", terms, found, text)
    columns = sorted(keep)
    if not columns:
        return {}, dropped
    x_a, x_b = (dx[:, columns].astype(np.float64) for dx in (dx_a, dx_b))
    fit_a, fit_b = first_difference(x_a, dy), first_difference(x_b, dy)
    seed = [options.seed, zlib.crc32(a.name.encode()), zlib.crc32(b.name.encode())]
    low, high = _interval(x_a, x_b, dy, fit_a, fit_b, options.bootstrap, seed)
    return {
        names[j]: BetaDifference(
            float(fit_a.beta[i]),
            float(fit_b.beta[i]),
            number(low[i]),
            number(high[i]),
            len(dy),
        )
        for i, j in enumerate(columns)
    }, dropped


def _pairs_labeled(pairs: Pairs, labels: Labels, names: list[str]) -> Int:
    """int64[N,2]: where each side of each pair is in `labels`, −1 if not there or incomplete."""
    keys = labels.keys()
    order = np.argsort(keys, kind="stable")
    wanted = 2 * pairs.pair_id[:, None] + np.array([0, 1])
    if len(keys) == 0:
        return np.full(wanted.shape, -1, np.int64)
    place = order[np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)]
    columns = [labels.features.index(name) for name in names]
    complete = (labels.labels[:, columns] != MISSING).all(axis=1)
    return np.where((keys[place] == wanted) & complete[place], place, -1)


def _differences(labels: Labels, place: Int, names: list[str]) -> Int8:
    columns = [labels.features.index(name) for name in names]
    x = labels.labels[:, columns]
    return np.asarray(x[place[:, 0]] - x[place[:, 1]], dtype=np.int8)


def _interval(
    x_a: Float,
    x_b: Float,
    y: Float,
    fit_a: LinearFit,
    fit_b: LinearFit,
    draws: int,
    seed: list[int],
) -> tuple[Float, Float]:
    """95 % interval of beta_a − beta_b: percentile bootstrap over pairs, both labelers refitted
    on the same draw. Many pairs: its linear form, the sandwich variance of the difference."""
    n, k = x_a.shape
    if n > _EXACT or draws == 0:
        influence = _influence(x_a, fit_a) - _influence(x_b, fit_b)
        se = np.sqrt(np.sum(influence * influence, axis=0))
        centre = fit_a.beta - fit_b.beta
        return centre - Z_95 * se, centre + Z_95 * se
    generator = np.random.default_rng(seed)
    found = np.empty((draws, k))
    products = [_products(x, y) for x in (x_a, x_b)]
    for start in range(0, draws, _CHUNK):
        count = min(_CHUNK, draws - start)
        weights = generator.multinomial(n, np.full(n, 1.0 / n), size=count).astype(np.float64)
        first, second = (_refit(weights, p, k) for p in products)
        found[start : start + count] = first - second
    low, high = np.quantile(found, [0.025, 0.975], axis=0)
    return low, high


def _influence(x: Float, fit: LinearFit) -> Float:
    return np.asarray((x * fit.residual[:, None]) @ np.linalg.inv(x.T @ x), dtype=np.float64)


def _products(x: Float, y: Float) -> Float:
    """Per pair the entries of x x' and x y, float64[n, K² + K]."""
    n, k = x.shape
    return np.hstack([(x[:, :, None] * x[:, None, :]).reshape(n, k * k), x * y[:, None]])


def _refit(weights: Float, products: Float, k: int) -> Float:
    """Coefficients of each draw. A draw in which a rare feature is gone gives it 0 (pseudo-
    inverse); with min_count 10 that is one draw in 20,000."""
    sums = weights @ products
    gram = sums[:, : k * k].reshape(-1, k, k)
    inverse = np.linalg.pinv(gram, hermitian=True)
    return np.asarray((inverse @ sums[:, k * k :, None])[:, :, 0], dtype=np.float64)
