"""Feature imprint on the rewards and on the reward shift (docs/method.md).

Presets. released-code: pooled least squares with row_id as a covariate, classical errors,
Bonferroni over every term of the model, as the released script does. pooled-clustered: pooled
least squares, CR1 by pair. pair-fe: the paper's r(t_i) = α_i + Σ β_τ t_i(τ) + ε, as differences
within pairs, CR1 by pair. θ has one value per pair, so there the pair effect is the error itself:
pair-fe and pooled-clustered are the same fit, with heteroskedasticity-robust errors (HC1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from engine.paper.given import Given, Measured, measure
from engine.paper.inference import coefficients
from engine.paper.inputs import MISSING, SIDES, Bool, Feature, Float, Int8, Options, Pairs
from engine.paper.linear import LinearFit, first_difference, ols, ols_clustered, vif
from engine.paper.logistic import with_intercept
from engine.paper.screen import Screened, dropped_terms, screen
from engine.paper.shift import Shift, released_angle
from engine.results.choices import PRESETS, Preset
from engine.results.records import (
    Coefficient,
    DroppedFeature,
    ImprintRow,
    ShiftImprintRow,
    finite,
)

SPARE = 10  # pairs wanted beyond the number of coefficients, where errors are robust


@dataclass(frozen=True)
class SideDesign:
    """One row per pair: x int8[n,2K], chosen then rejected columns; terms (feature, side)."""

    x: Int8
    terms: tuple[tuple[Feature, str], ...]

    @property
    def names(self) -> list[str]:
        return [f"{feature.name} ({side})" for feature, side in self.terms]

    @property
    def labels(self) -> list[tuple[str, str]]:
        return [(feature.name, side) for feature, side in self.terms]


def regressors(features: Sequence[Feature]) -> list[int]:
    """Columns that enter regressions."""
    return [j for j, f in enumerate(features) if f.regress]


def labeled(pairs: Pairs, columns: list[int]) -> Bool:
    """Pairs with every label of `columns` known on both sides."""
    known_c = (pairs.chosen[:, columns] != MISSING).all(axis=1)
    known_r = (pairs.rejected[:, columns] != MISSING).all(axis=1)
    return np.asarray(known_c & known_r, dtype=np.bool_)


def usable(pairs: Pairs, table: str) -> tuple[Pairs, list[int], list[DroppedFeature]]:
    """Pairs with complete labels, the regressors' columns, and what was left out. A feature with
    no label at all is left out rather than emptying the table."""
    dropped = []
    columns = []
    for j in regressors(pairs.features):
        labels = pairs.chosen[:, j], pairs.rejected[:, j]
        if len(pairs) and all((side == MISSING).all() for side in labels):
            name = pairs.features[j].name
            dropped.append(DroppedFeature(table, "*", name, "*", "not_labeled", "no label"))
        else:
            columns.append(j)
    complete = labeled(pairs, columns)
    missing = len(pairs) - int(complete.sum())
    if missing:
        detail = f"{missing} of {len(pairs)} pairs lack a label"
        dropped.append(DroppedFeature(table, "*", "*", "*", "unlabeled_pairs", detail))
        pairs = pairs.take(complete)
    return pairs, columns, dropped


def side_design(pairs: Pairs, columns: list[int]) -> SideDesign:
    """The design of d6 and d7."""
    terms = tuple((pairs.features[j], side) for side in SIDES for j in columns)
    return SideDesign(np.hstack([pairs.chosen[:, columns], pairs.rejected[:, columns]]), terms)


# ------------------------------------------------------------------ imprint on the rewards


@measure("imprint")
def on_rewards(given: Given) -> Measured[ImprintRow]:
    return Measured(*reward_imprint(given.pairs, given.options))


def reward_imprint(pairs: Pairs, options: Options) -> tuple[list[ImprintRow], list[DroppedFeature]]:
    """β̲ (pre), β (post) and their difference, per preset. O(N K²)."""
    pairs, columns, dropped = usable(pairs, "imprint")
    features = [pairs.features[j] for j in columns]
    outcomes = {
        "pre": pairs.pre,
        "post": pairs.post,
        "difference": pairs.post - pairs.pre,
    }
    rows: dict[tuple[str, Preset], list[ImprintRow]] = {}
    for preset in PRESETS:
        design = _RewardDesign.build(pairs, columns, preset, options)
        terms = [(f.name, "*") for f in features]
        dropped += dropped_terms("imprint", preset, terms, design.screened)
        for outcome, rewards in outcomes.items():
            rows[outcome, preset] = design.rows(outcome, rewards, features)
    ordered = [row for outcome in outcomes for p in PRESETS for row in rows[outcome, p]]
    return ordered, dropped


@dataclass(frozen=True)
class _RewardDesign:
    """One preset's design, shared by the three outcomes. x: the features kept, float64; extra:
    columns in front of them that are fitted but not reported."""

    preset: Preset
    screened: Screened
    x: Float
    extra: Float
    pair: np.ndarray[tuple[int], np.dtype[np.int64]]
    vif: Float

    @staticmethod
    def build(pairs: Pairs, columns: list[int], preset: Preset, options: Options) -> _RewardDesign:
        chosen, rejected = pairs.chosen[:, columns], pairs.rejected[:, columns]
        names = [pairs.features[j].name for j in columns]
        within = preset == "pair-fe"
        released = preset == "released-code"
        labels = chosen - rejected if within else np.vstack([chosen, rejected])
        extra = np.zeros((len(labels), 0)) if within else np.ones((len(labels), 1))
        held = None
        if released and len(pairs) > 1:
            # the released formula keeps row_id; standardised, which changes no other coefficient
            row_id = np.tile(pairs.pair_id - pairs.pair_id[0], 2).astype(np.float64)
            held = ((row_id - row_id.mean()) / row_id.std())[:, None]
            extra = np.column_stack([extra, held])
        screened = screen(
            labels,
            names,
            centred=not within,
            min_count=1 if released else options.min_count,
            spare=1 if released else SPARE,
            rows="pairs" if within else "entries",
            units=len(labels) if released else len(pairs),
            held=held,
        )
        x = labels[:, screened.keep].astype(np.float64)
        pair = np.arange(len(pairs), dtype=np.int64)
        pair = pair if within else np.tile(pair, 2)
        return _RewardDesign(preset, screened, x, extra, pair, vif(x, centred=not within))

    def rows(self, outcome: str, rewards: Float, features: list[Feature]) -> list[ImprintRow]:
        """The reported coefficients of one outcome (float64[N,2])."""
        keep = self.screened.keep
        if not keep:
            return []
        k = self.extra.shape[1]
        if self.preset == "pair-fe":
            y = rewards[:, 0] - rewards[:, 1]
            fit = first_difference(self.x, y)
        else:
            y = np.concatenate([rewards[:, 0], rewards[:, 1]])
            design = np.column_stack([self.extra, self.x])
            if self.preset == "released-code":
                fit = ols(design, y)
            else:
                fit = ols_clustered(design, y, self.pair)
        estimates = inference(fit, k, self.preset)
        scale = _scale(self.x, y)
        return [
            ImprintRow(
                outcome=outcome,
                preset=self.preset,
                feature=features[j].name,
                class_=features[j].role,
                coefficient=c,
                vif=finite(self.vif[i]),
                n=fit.n,
                clusters=fit.clusters,
                standardized=_times(c.estimate, scale[i]),
                varies=int(self.screened.varies[j]),
            )
            for i, (j, c) in enumerate(zip(keep, estimates, strict=True))
        ]


# ------------------------------------------------------------------ imprint on the shift


@measure("shift_imprint")
def on_shift(given: Given) -> Measured[ShiftImprintRow]:
    return Measured(*shift_imprint(given.pairs, given.shift, given.options))


def shift_imprint(
    pairs: Pairs, shift: Shift, options: Options
) -> tuple[list[ShiftImprintRow], list[DroppedFeature]]:
    """β^c and β^r of θ (degrees) on all features of both sides. `shift` belongs to `pairs`."""
    table = "shift_imprint"
    theta = dict.fromkeys(PRESETS, shift.theta)
    theta["released-code"] = released_angle(pairs.pre, pairs.post)
    complete, columns, dropped = usable(pairs, table)
    is_complete = np.isin(pairs.pair_id, complete.pair_id)
    rows: list[ShiftImprintRow] = []
    same: list[ShiftImprintRow] = []
    for preset in PRESETS:
        y = theta[preset][is_complete]
        defined = ~np.isnan(y)
        if not defined.all():
            detail = f"{int(np.sum(~defined))} of {len(y)} shifts are undefined"
            dropped.append(DroppedFeature(table, preset, "*", "*", "undefined_shift", detail))
        design = side_design(complete.take(defined), columns)
        screened = screen_sides(design, preset, options)
        dropped += dropped_terms(table, preset, design.labels, screened)
        if preset == "pair-fe" and same:  # the same fit, see the module's docstring
            rows += [msgspec.structs.replace(row, preset=preset) for row in same]
        elif screened.keep:
            estimates = _shift_rows(preset, design, screened, y[defined])
            same = estimates if preset == "pooled-clustered" else []
            rows += estimates
    return rows, dropped


def _shift_rows(
    preset: Preset, design: SideDesign, screened: Screened, y: Float
) -> list[ShiftImprintRow]:
    fit = side_fit(design.x[:, screened.keep], y, preset)
    estimates = inference(fit, 1, preset)
    x = design.x[:, screened.keep].astype(np.float64)
    inflation, scale = vif(x), _scale(x, y)
    return [
        ShiftImprintRow(
            preset=preset,
            feature=design.terms[j][0].name,
            side=design.terms[j][1],
            class_=design.terms[j][0].role,
            coefficient=c,
            vif=finite(inflation[i]),
            n=fit.n,
            clusters=fit.clusters,
            standardized=_times(c.estimate, scale[i]),
        )
        for i, (j, c) in enumerate(zip(screened.keep, estimates, strict=True))
    ]


# ------------------------------------------------------------------ shared with misalignment


def screen_sides(design: SideDesign, preset: Preset, options: Options) -> Screened:
    """Screen a two-sided design: the released code drops only what cannot be fitted."""
    released = preset == "released-code"
    return screen(
        design.x,
        design.names,
        centred=True,
        min_count=1 if released else options.min_count,
        spare=1 if released else SPARE,
        rows="pairs",
    )


def side_fit(x: Int8, y: Float, preset: Preset) -> LinearFit:
    """Least squares with intercept, one row per pair: classical errors for released-code, else
    HC1 (= CR1 with one row per cluster)."""
    design = with_intercept(x)
    if preset == "released-code":
        return ols(design, y)
    return ols_clustered(design, y, np.arange(len(y), dtype=np.int64))


def inference(fit: LinearFit, skip: int, preset: Preset, normal: bool = False) -> list[Coefficient]:
    """Coefficients after the first `skip`, corrected by Bonferroni: over the features, in
    released-code over all terms, those skipped included."""
    counted = skip if preset == "released-code" else 0
    df = None if normal else fit.df
    return coefficients(fit.beta[skip:], fit.std_error[skip:], df, extra=counted)


def _scale(x: Float, y: Float) -> Float:
    """sd(x)/sd(y) per column; NaN for a constant outcome."""
    sd = float(np.std(y))
    return np.asarray(np.std(x, axis=0) / (sd if sd > 0 else np.nan), dtype=np.float64)


def _times(a: float | None, b: float) -> float | None:
    return None if a is None else finite(a * b)
