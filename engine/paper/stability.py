"""Label stability: agreement between labelers (docs/method.md).

Labelers are joined by (pair, side). The released check compared by position, which is why its
agreement equals chance (docs/method.md).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.paper.given import Given, Measured, measure
from engine.paper.inputs import MISSING, Float, Int, Int8, Labels, Options, Pairs, check_labels
from engine.results.records import StabilityRow, finite


@dataclass(frozen=True)
class Agreement:
    """Agreement of two labelers on n entries; None where it has no value."""

    n: int
    agreement: float | None
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None
    pabak: float | None


def join(labelers: Sequence[Labels]) -> tuple[Int, list[Int]]:
    """Entries that every labeler has: their keys, ascending, and each labeler's positions."""
    keys = labelers[0].keys()
    for other in labelers[1:]:
        keys = np.intersect1d(keys, other.keys(), assume_unique=True)
    keys = np.sort(keys)
    places = []
    for labeler in labelers:
        order = np.argsort(labeler.keys(), kind="stable")
        places.append(order[np.searchsorted(labeler.keys()[order], keys)])
    return keys, places


def cohen_kappa(table: Float) -> Float:
    """Cohen's κ of confusion tables float64[..., C, C]; NaN where chance agreement is 1 (both
    labelers constant)."""
    total = table.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = np.trace(table, axis1=-2, axis2=-1) / total
        rows, columns = table.sum(axis=-1), table.sum(axis=-2)
        chance = (rows * columns).sum(axis=-1) / (total * total)
        return np.asarray(
            np.where(chance < 1.0, (observed - chance) / (1.0 - chance), np.nan), dtype=np.float64
        )


def fleiss_kappa(counts: Float) -> float | None:
    """Fleiss' κ of counts float64[n, C]: raters per category, the same total in each row."""
    n = len(counts)
    raters = float(counts[0].sum()) if n else 0.0
    if n == 0 or raters < 2:
        return None
    share = counts.sum(axis=0) / (n * raters)
    chance = float(np.sum(share * share))
    observed = float(np.mean((np.sum(counts * counts, axis=1) - raters) / (raters * (raters - 1))))
    return None if chance >= 1.0 else (observed - chance) / (1.0 - chance)


def agreement(
    a: Int8, b: Int8, key: Int, categories: Sequence[int], draws: int, seed: Sequence[int]
) -> Agreement:
    """Agreement of labels a and b (int8[n], known) on the entries `key` (2·pair + side), with a
    95 % bootstrap interval of κ over pairs.

    A pair contributes one cell of the C × C table per side. Pairs with the same contribution are
    interchangeable, so the exact cluster bootstrap is a multinomial over the distinct ones:
    O(draws · distinct), at most (C² + 1)² whatever n is.
    """
    n, c = len(a), len(categories)
    if n == 0:
        return Agreement(0, None, None, None, None, None)
    cells = c * c
    cell = np.searchsorted(categories, a) * c + np.searchsorted(categories, b)
    clusters, row = np.unique(key // 2, return_inverse=True)
    # one digit per side in base C² + 1; 0: this side is not there
    digit = np.where(key % 2 == 1, (cells + 1) * (cell + 1), cell + 1)
    code = np.bincount(row, weights=digit).astype(np.int64)
    codes, times = np.unique(code, return_counts=True)
    kinds = np.zeros((len(codes), cells + 1))
    np.add.at(kinds, (np.arange(len(codes)), codes % (cells + 1)), 1.0)
    np.add.at(kinds, (np.arange(len(codes)), codes // (cells + 1)), 1.0)
    kinds = kinds[:, 1:]
    kappa = float(cohen_kappa((times @ kinds).reshape(c, c)))
    same = float(np.mean(a == b))
    low: float | None = None
    high: float | None = None
    if draws > 0 and len(clusters) > 1 and np.isfinite(kappa):
        generator = np.random.default_rng(list(seed))
        weights = generator.multinomial(len(clusters), times / len(clusters), size=draws)
        tables = (weights @ kinds).reshape(draws, c, c)
        low, high = percentile_interval(cohen_kappa(tables))
    return Agreement(n, same, finite(kappa), low, high, (c * same - 1) / (c - 1))


def percentile_interval(values: Float) -> tuple[float | None, float | None]:
    """2.5 and 97.5 % quantiles of the finite values; None if fewer than half are finite."""
    finite = values[np.isfinite(values)]
    if len(finite) * 2 <= len(values):
        return None, None
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)


@measure("stability")
def table(given: Given) -> Measured[StabilityRow]:
    return Measured(stability(given.pairs, given.labelers, given.options))


def stability(pairs: Pairs, labelers: Sequence[Labels], options: Options) -> list[StabilityRow]:
    """Every feature × every two labelers, then all of them at once (Fleiss) if three or more."""
    rows: list[StabilityRow] = []
    if len({labeler.name for labeler in labelers}) != len(labelers):
        raise ValueError("labelers need different names")
    for labeler in labelers:
        _check(pairs, labeler)
    for first, second in combinations(labelers, 2):
        keys, places = join([first, second])
        for feature in pairs.features:
            if feature.name not in first.features or feature.name not in second.features:
                continue
            a, b = (
                labeler.labels[place, labeler.features.index(feature.name)]
                for labeler, place in zip((first, second), places, strict=True)
            )
            labeled = (a != MISSING) & (b != MISSING)
            categories = (0, 1) if feature.kind == "bool" else (-1, 0, 1)
            words = (feature.name, first.name, second.name)
            seed = [options.seed, *(zlib.crc32(word.encode()) for word in words)]
            a, b = a[labeled], b[labeled]
            result = agreement(a, b, keys[labeled], categories, options.bootstrap, seed)
            rows.append(
                StabilityRow(
                    feature=feature.name,
                    labeler_a=first.name,
                    labeler_b=second.name,
                    n=result.n,
                    agreement=result.agreement,
                    kappa=result.kappa,
                    kappa_low=result.kappa_low,
                    kappa_high=result.kappa_high,
                    pabak=result.pabak,
                    prevalence_a=float(a.mean()) if result.n else None,
                    prevalence_b=float(b.mean()) if result.n else None,
                    statistic="cohen",
                    labelers=2,
                )
            )
    if len(labelers) >= 3:
        rows += _all_at_once(pairs, labelers)
    return rows


def _check(pairs: Pairs, labeler: Labels) -> None:
    shared = [f for f in pairs.features if f.name in labeler.features]
    columns = [labeler.features.index(f.name) for f in shared]
    check_labels(f"Labels {labeler.name!r}", shared, labeler.labels[:, columns])


def _all_at_once(pairs: Pairs, labelers: Sequence[Labels]) -> list[StabilityRow]:
    """Fleiss' κ per feature over the entries that all labelers labeled."""
    _, places = join(labelers)
    rows = []
    for feature in pairs.features:
        if any(feature.name not in labeler.features for labeler in labelers):
            continue
        columns = [
            labeler.labels[place, labeler.features.index(feature.name)]
            for labeler, place in zip(labelers, places, strict=True)
        ]
        votes = np.stack(columns, axis=1)
        votes = votes[(votes != MISSING).all(axis=1)]
        categories = (0, 1) if feature.kind == "bool" else (-1, 0, 1)
        counts = np.stack([(votes == c).sum(axis=1) for c in categories], axis=1).astype(float)
        n, m, c = len(votes), len(labelers), len(categories)
        same = float(np.mean(np.sum(counts * (counts - 1), axis=1) / (m * (m - 1)))) if n else None
        rows.append(
            StabilityRow(
                feature=feature.name,
                labeler_a="all",
                labeler_b="all",
                n=n,
                agreement=same,
                kappa=fleiss_kappa(counts),
                kappa_low=None,
                kappa_high=None,
                pabak=None if same is None else (c * same - 1) / (c - 1),
                prevalence_a=None,
                prevalence_b=None,
                statistic="fleiss",
                labelers=m,
            )
        )
    return rows
