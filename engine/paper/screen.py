"""Which columns of a design can be estimated, and by name why the others cannot.

A library given a constant or duplicate column returns halved coefficients or a huge one without
an error (docs/method.md); so the design is looked at before it is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.paper.inputs import Float, Int, Int8
from engine.results.records import DroppedFeature

_COLLINEAR = 1e-9  # share of a column's variance that earlier columns leave unexplained


@dataclass(frozen=True)
class Screened:
    """keep: positions of the columns to fit; dropped: (position, reason, detail); varies: int[K],
    rows in which a column leaves its most common value (0 for differences)."""

    keep: list[int]
    dropped: list[tuple[int, str, str]]
    varies: Int


def screen(
    x: Int8,
    names: Sequence[str],
    *,
    centred: bool,
    min_count: int,
    spare: int,
    rows: str,
    units: int | None = None,
    held: Float | None = None,
) -> Screened:
    """Screen the columns of x (int8[n,K]).

    centred: the fit has an intercept. min_count: fewer varying rows than this is too rare.
    spare: independent units needed beyond the columns; units: how many there are (default: the
    rows). rows: what the rows are called in the details, in the plural. held: float64[n,H], of
    full rank, columns (`row_id`) that the fit holds before these.
    Collinearity by a rank-revealing QR with limited pivoting, done on the Gram matrix, which is
    exact for integer labels: columns keep their order and a later one that is a combination of
    earlier ones is dropped, as R does.
    """
    n, k = x.shape
    units = n if units is None else units
    varies = np.zeros(k, np.int64)
    if units < 1 + int(centred) + spare:
        detail = f"only {units} independent {rows}"
        return Screened([], [(j, "too_few_pairs", detail) for j in range(k)], varies)
    dropped: list[tuple[int, str, str]] = []
    keep: list[int] = []
    for j in range(k):
        column = x[:, j]
        if centred:
            counts = np.bincount(column.astype(np.int64) + 128)
            varies[j] = n - int(counts.max())
            detail = f"{column[0]} in all {n} {rows}"
        else:
            varies[j] = int(np.count_nonzero(column))
            detail = f"never differs in {n} {rows}"
        if varies[j] == 0:
            dropped.append((j, "constant", detail))
        elif varies[j] < min_count:
            dropped.append((j, "too_rare", f"varies in {varies[j]} {rows}, fewer than {min_count}"))
        else:
            keep.append(j)
    held = np.zeros((n, 0)) if held is None else held
    keep, collinear = _independent(x, keep, names, centred, held)
    dropped += collinear
    if units < len(keep) + held.shape[1] + int(centred) + spare:
        detail = f"only {units} independent {rows} for {len(keep)} features"
        dropped += [(j, "too_few_pairs", detail) for j in keep]
        keep = []
    return Screened(keep, sorted(dropped), varies)


def dropped_terms(
    table: str, preset: str, terms: Sequence[tuple[str, str]], screened: Screened, where: str = ""
) -> list[DroppedFeature]:
    """What a screening left out, by (feature, side); said once if nothing is left for want of
    data."""
    reasons = {(reason, detail) for _, reason, detail in screened.dropped}
    if len(reasons) == 1 and not screened.keep:
        reason, detail = reasons.pop()
        if reason == "too_few_pairs":
            return [DroppedFeature(table, preset, "*", "*", reason, where + detail)]
    return [
        DroppedFeature(table, preset, *terms[j], reason, where + detail)
        for j, reason, detail in screened.dropped
    ]


def _independent(
    x: Int8, keep: list[int], names: Sequence[str], centred: bool, held: Float
) -> tuple[list[int], list[tuple[int, str, str]]]:
    """The columns of `keep` not explained by earlier ones or by `held`, and the others with what
    explains them."""
    if not keep:
        return [], []
    z = np.column_stack([held, x[:, keep].astype(np.float64)])
    h = held.shape[1]
    words = ["row_id"] * h + [names[j] for j in keep]
    if centred:
        z = z - z.mean(axis=0)
    gram = z.T @ z
    scale = np.sqrt(np.diag(gram))
    gram = gram / np.outer(scale, scale)
    good = list(range(h))
    dropped = []
    for j in range(h, len(words)):
        if good:
            weights = np.linalg.solve(gram[np.ix_(good, good)], gram[good, j])
            if 1.0 - float(gram[good, j] @ weights) < _COLLINEAR:
                parts = [words[g] for g, w in zip(good, weights, strict=True) if abs(w) > 1e-6]
                dropped.append((keep[j - h], "collinear", "a combination of " + ", ".join(parts)))
                continue
        good.append(j)
    return [keep[g - h] for g in good if g >= h], dropped
