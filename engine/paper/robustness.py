"""Alignment robustness: flips of features under rewriting and what they do to the verdict.

A flip is f(τ) = original − rewritten: + the feature was lost, − it was gained. The outcome is
that a pair aligned before rewriting is not aligned after (post-D). π₊ and π₋ are the effects of
a flip against no flip, all features and both sides in one regression.

Presets. released-code: linear, classical errors, normal p-values, uncorrected, exactly |f| = 1,
strategies pooled. pooled-clustered: linear (a difference of probabilities), CR1 by pair. pair-fe:
logistic (log odds; `ame` is the difference of probabilities), Firth where sparse. The last two
count any flip of a sign and hold the rewriting strategy fixed where there is more than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from engine.paper.changes import orders, untied
from engine.paper.given import Given, Measured, measure
from engine.paper.inference import Z_95, coefficients
from engine.paper.inputs import MISSING, SIDES, Bool, Feature, Float, Int, Int8, Options, Rewrites
from engine.paper.linear import ols, ols_clustered
from engine.paper.logistic import with_intercept
from engine.paper.odds import Odds, log_odds
from engine.paper.screen import dropped_terms, screen
from engine.results.choices import PRESETS, Preset
from engine.results.records import Coefficient, DroppedFeature, RobustnessRow, finite

TABLE = "robustness"
ALONE = "robustness_by_strategy"  # in `dropped`: the rows of one strategy among several
POPULATIONS = ("all", "aligned")
MIN_FLIPS = 5  # fewer flips than this tell nothing; Firth takes over below ten events
_SPARE = 10


@dataclass(frozen=True)
class Flip:
    """One regressor: the flips of a feature on a side with a sign."""

    feature: Feature
    side: str
    sign: str

    @property
    def name(self) -> str:
        return f"{self.feature.name} ({self.side}, {self.word})"

    @property
    def word(self) -> str:
        return "lost" if self.sign == "+" else "gained"


def flips(original: Int8, rewritten: Int8) -> Int8:
    """f = original − rewritten, int8[M,K] of known labels."""
    return (original - rewritten).astype(np.int8)


def robustness_columns(features: Sequence[Feature]) -> list[int]:
    """Targets and spoilers, as in the paper (harmless, helpful; coherent, eloquent, sentiment);
    every regressor if the taxonomy has neither."""
    chosen = [j for j, f in enumerate(features) if f.regress and f.role != "other"]
    return chosen or [j for j, f in enumerate(features) if f.regress]


@measure("robustness")
def robustness(given: Given) -> Measured[RobustnessRow]:
    rows, dropped = scores(given.rewrites, given.pairs.features, given.options)
    all_of_them, near = len(given.every_rewrite), len(given.rewrites)
    if near < all_of_them:
        below = f"below {given.options.min_cosine:g}"
        detail = f"{all_of_them - near} of {all_of_them} rewrites {below}"
        dropped.insert(0, DroppedFeature(TABLE, "*", "*", "*", "low_cosine", detail))
    return Measured(rows, dropped)


def scores(
    rewrites: Rewrites,
    features: tuple[Feature, ...],
    options: Options,
    presets: Sequence[Preset] = PRESETS,
    by_strategy: bool = True,
) -> tuple[list[RobustnessRow], list[DroppedFeature]]:
    """Scores per preset, population, strategy (all together, then each alone if there are
    several and that is wanted), feature, side and sign. `rewrites`, ordered(), all count."""
    rewrites, columns, dropped = labeled(rewrites, features)
    strategies = rewrites.strategies()
    names = sorted(set(strategies.tolist()))
    groups = [("all" if len(names) != 1 else names[0], np.ones(len(rewrites), np.bool_))]
    if by_strategy and len(names) > 1:
        groups += [(name, strategies == name) for name in names]
    rows: list[RobustnessRow] = []
    for preset in presets:
        for population in POPULATIONS:
            for group, members in groups:
                part = rewrites.take(members)
                estimates, missing = _one(
                    part, features, columns, options, preset, population, group
                )
                rows += estimates
                alone = len(names) > 1 and group != "all"
                dropped += (
                    [msgspec.structs.replace(d, table=ALONE) for d in missing] if alone else missing
                )
    return rows, dropped


def labeled(
    rewrites: Rewrites, features: tuple[Feature, ...]
) -> tuple[Rewrites, list[int], list[DroppedFeature]]:
    """Rows with all labels, the columns used, and what was left out."""
    dropped, columns = [], []
    tables = (
        rewrites.original_chosen,
        rewrites.original_rejected,
        rewrites.rewritten_chosen,
        rewrites.rewritten_rejected,
    )
    for j in robustness_columns(features):
        if len(rewrites) and any((labels[:, j] == MISSING).all() for labels in tables):
            name = features[j].name
            dropped.append(DroppedFeature(TABLE, "*", name, "*", "not_labeled", "no label"))
        else:
            columns.append(j)
    labeled = np.ones(len(rewrites), np.bool_)
    for labels in tables:
        labeled &= (labels[:, columns] != MISSING).all(axis=1)
    if not labeled.all():
        detail = f"{int(np.sum(~labeled))} of {len(labeled)} rewrites lack a label"
        dropped.append(DroppedFeature(TABLE, "*", "*", "*", "unlabeled_pairs", detail))
    return rewrites.take(labeled), columns, dropped


def flip_design(
    rewrites: Rewrites, features: tuple[Feature, ...], columns: list[int], exact: bool
) -> tuple[Int8, list[Flip]]:
    """Indicators int8[M, 4·len(columns)] and what each stands for. exact: only |f| = 1, as the
    paper's formula reads; else any size (sentiment can move by 2)."""
    indicators, terms = [], []
    for side in SIDES:
        f = flips(
            getattr(rewrites, f"original_{side}")[:, columns],
            getattr(rewrites, f"rewritten_{side}")[:, columns],
        )
        for i, j in enumerate(columns):
            for sign, unit in (("+", 1), ("-", -1)):
                signed = f[:, i] * unit
                indicators.append(signed == 1 if exact else signed > 0)
                terms.append(Flip(features[j], side, sign))
    x = np.array(indicators, dtype=np.int8).T if indicators else np.zeros((len(rewrites), 0))
    return x.astype(np.int8), terms


def _one(
    rewrites: Rewrites,
    features: tuple[Feature, ...],
    columns: list[int],
    options: Options,
    preset: Preset,
    population: str,
    strategy: str,
) -> tuple[list[RobustnessRow], list[DroppedFeature]]:
    """One regression: a preset, a population, a strategy."""
    released = preset == "released-code"
    policy = "misaligned" if released else options.tie_policy
    use = untied(rewrites.post_original, rewrites.post_rewritten, policy)
    before = orders(rewrites.post_original)
    if population == "aligned":
        use &= before
    y = (before & ~orders(rewrites.post_rewritten))[use].astype(np.float64)
    rewrites = rewrites.take(use)
    x, terms = flip_design(rewrites, features, columns, exact=released)
    held = np.zeros((len(y), 0), np.int8) if released else _strategy_dummies(rewrites)
    names = [*("strategy" for _ in held.T), *(t.name for t in terms)]
    both = np.hstack([held, x])
    h = held.shape[1]
    screened = screen(
        both,
        names,
        centred=True,
        min_count=1 if released else MIN_FLIPS,
        spare=1 if released else _SPARE,
        rows="rewrites",
        units=len(y) if released else len(np.unique(rewrites.pair_id)),
    )
    where = f"{population} pairs" + ("" if strategy == "all" else f", {strategy}")
    labels = [("*", "*")] * h + [(t.feature.name, t.side) for t in terms]
    words = {j: f"{terms[j - h].word}, " if j >= h else "" for j in range(h + len(terms))}
    named = replace(
        screened,
        dropped=[
            (j, reason, detail if reason == "too_few_pairs" else words[j] + detail)
            for j, reason, detail in screened.dropped
            if j >= h
        ],
    )
    dropped = dropped_terms(TABLE, preset, labels, named, f"{where}: ")
    keep = screened.keep
    reported = [i for i, j in enumerate(keep) if j >= h]
    if not reported:
        return [], dropped
    if y.min() == y.max():
        detail = f"{where}: " + ("no" if y[0] == 0 else "every") + " pair became misaligned"
        return [], [*dropped, DroppedFeature(TABLE, preset, "*", "*", "no_events", detail)]
    x = both[:, keep]
    reported_terms = [terms[keep[i] - h] for i in reported]
    _, pair = np.unique(rewrites.pair_id, return_inverse=True)
    estimates, odds = _fit(x, y, reported, reported_terms, pair, preset)
    rows = []
    for i, term, c, o in zip(reported, reported_terms, estimates, odds, strict=True):
        flipped = x[:, i] == 1
        rows.append(_row(preset, population, strategy, term, c, o, y, flipped))
    return rows, dropped


def _strategy_dummies(rewrites: Rewrites) -> Int8:
    """One 0/1 column per strategy after the first, in alphabetical order."""
    strategies = rewrites.strategies()
    names = sorted(set(strategies.tolist()))[1:]
    return (
        np.array([strategies == name for name in names], dtype=np.int8)
        .reshape(len(names), len(rewrites))
        .T
    )


def _fit(
    x: Int8,
    y: Float,
    reported: list[int],
    terms: list[Flip],
    pair: Int,
    preset: Preset,
) -> tuple[list[Coefficient], list[Odds | None]]:
    """Coefficients of the shown columns, and their odds if logistic."""
    columns = [i + 1 for i in reported]
    nothing: list[Odds | None] = [None] * len(reported)
    if preset == "released-code":
        fit = ols(with_intercept(x), y)
        return coefficients(fit.beta[columns], fit.std_error[columns], None, "none"), nothing
    if preset == "pooled-clustered":
        fit = ols_clustered(with_intercept(x), y, pair)
        return coefficients(fit.beta[columns], fit.std_error[columns], fit.df), nothing
    place = {(t.feature.name, t.side, t.sign): i for i, t in zip(reported, terms, strict=True)}
    opposite = {}
    for i, t in zip(reported, terms, strict=True):
        other = place.get((t.feature.name, t.side, "-" if t.sign == "+" else "+"))
        if other is not None:
            opposite[i] = other
    fitted = log_odds(x, y, terms=reported, cluster=pair, opposite=opposite)
    return [o.coefficient for o in fitted], [*fitted]


def _row(
    preset: Preset,
    population: str,
    strategy: str,
    term: Flip,
    c: Coefficient,
    o: Odds | None,
    y: Float,
    flipped: Bool,
) -> RobustnessRow:
    half = None if o is None or o.ame_se is None else Z_95 * o.ame_se
    ame = None if o is None else o.ame
    bounded = ame is not None and half is not None
    return RobustnessRow(
        preset=preset,
        feature=term.feature.name,
        side=term.side,
        sign=term.sign,
        class_=term.feature.role,
        coefficient=c,
        events=int(y[flipped].sum()),
        n=int(flipped.sum()),
        population=population,
        strategy=strategy,
        scale="risk_difference" if o is None else "log_odds",
        method="ols" if o is None else o.method,
        odds_ratio=None if o is None else o.odds_ratio,
        odds_ratio_low=None if o is None else o.odds_ratio_low,
        odds_ratio_high=None if o is None else o.odds_ratio_high,
        ame=ame,
        ame_se=None if o is None else o.ame_se,
        ame_low=finite(ame - half) if bounded and ame is not None and half is not None else None,
        ame_high=finite(ame + half) if bounded and ame is not None and half is not None else None,
        baseline_events=int(y[~flipped].sum()),
        baseline_n=int(np.sum(~flipped)),
        total=len(y),
    )
