"""Features responsible for misalignment: 1 − δ on the features of both sides (docs/method.md).

Presets. released-code: linear, classical errors, normal p-values, Bonferroni with the intercept,
on the rows whose shift the released formula can compute. pooled-clustered: linear (a difference
of probabilities) with robust errors. pair-fe: logistic (log odds, with average marginal effects);
the outcome is one per pair, so the pair effect is the error, as in the shift imprint.
"""

from __future__ import annotations

import numpy as np

from engine.paper.given import Given, Measured, measure
from engine.paper.imprint import (
    SideDesign,
    inference,
    screen_sides,
    side_design,
    side_fit,
    usable,
)
from engine.paper.inputs import Float, Options, Pairs
from engine.paper.linear import vif
from engine.paper.odds import Odds, log_odds
from engine.paper.screen import Screened, dropped_terms
from engine.paper.shift import released_angle
from engine.paper.verdicts import Verdicts, counted
from engine.results.choices import PRESETS, Preset
from engine.results.records import Coefficient, DroppedFeature, MisalignmentRow, finite

TABLE = "misalignment"


@measure(TABLE)
def table(given: Given) -> Measured[MisalignmentRow]:
    return Measured(*misalignment(given.pairs, given.verdicts, given.options))


def misalignment(
    pairs: Pairs, v: Verdicts, options: Options
) -> tuple[list[MisalignmentRow], list[DroppedFeature]]:
    """Coefficients per preset, feature and side; positive is more misalignment. `v` belongs to
    `pairs`. O(N K²), for the logistic fit per Newton step on the distinct rows."""
    complete, columns, dropped = usable(pairs, TABLE)
    is_complete = np.isin(pairs.pair_id, complete.pair_id)
    rows: list[MisalignmentRow] = []
    for preset in PRESETS:
        if preset == "released-code":
            use = ~np.isnan(released_angle(pairs.pre, pairs.post))
            reason, what = "undefined_shift", "pairs have no shift by the released formula"
        else:
            use = counted(v, options.tie_policy)
            reason, what = "tied_pairs", "pairs are tied and left out"
        left_out = int(np.sum(is_complete & ~use))
        if left_out:
            detail = f"{left_out} of {int(is_complete.sum())} {what}"
            dropped.append(DroppedFeature(TABLE, preset, "*", "*", reason, detail))
        y = (~v.aligned_post[is_complete & use]).astype(np.float64)
        design = side_design(complete.take(use[is_complete]), columns)
        screened = screen_sides(design, preset, options)
        dropped += dropped_terms(TABLE, preset, design.labels, screened)
        if not screened.keep:
            continue
        if y.min() == y.max():
            detail = "no pair is misaligned" if y[0] == 0 else "every pair is misaligned"
            dropped.append(DroppedFeature(TABLE, preset, "*", "*", "no_events", detail))
            continue
        rows += _rows(preset, design, screened, y)
    return rows, dropped


def _rows(
    preset: Preset, design: SideDesign, screened: Screened, y: Float
) -> list[MisalignmentRow]:
    keep = screened.keep
    x = design.x[:, keep]
    odds: list[Odds | None] = [None] * len(keep)
    estimates: list[Coefficient]
    clusters: int | None = None
    if preset == "pair-fe":
        fitted = log_odds(x, y, terms=list(range(len(keep))))
        estimates, odds = [o.coefficient for o in fitted], [*fitted]
    else:
        fit = side_fit(x, y, preset)
        clusters = fit.clusters
        # the released table is of a gaussian glm, whose p-values are normal
        normal = preset == "released-code"
        estimates = inference(fit, 1, preset, normal=normal)
    wide = x.astype(np.float64)
    inflation, spread = vif(wide), np.std(wide, axis=0)
    events = (x != 0).T @ y
    sd = float(np.std(y))
    rows = []
    for i, (j, c, o) in enumerate(zip(keep, estimates, odds, strict=True)):
        # per standard deviation of the feature; a log odds has no outcome deviation to divide by
        unit = spread[i] if o is not None else spread[i] / sd
        rows.append(
            MisalignmentRow(
                preset=preset,
                feature=design.terms[j][0].name,
                side=design.terms[j][1],
                class_=design.terms[j][0].role,
                coefficient=c,
                vif=finite(inflation[i]),
                n=len(y),
                clusters=clusters,
                standardized=None if c.estimate is None else finite(c.estimate * unit),
                events=int(events[i]),
                scale="risk_difference" if o is None else "log_odds",
                method="ols" if o is None else o.method,
                odds_ratio=None if o is None else o.odds_ratio,
                ame=None if o is None else o.ame,
                ame_se=None if o is None else o.ame_se,
            )
        )
    return rows
