"""Imprint tables: presets, planted truth, what is left out and why (docs/method.md)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.multitest import multipletests

from engine.paper import selftest
from engine.paper.imprint import reward_imprint, shift_imprint
from engine.paper.inputs import MISSING, Feature, Options, Pairs
from engine.paper.misalignment import misalignment
from engine.paper.shift import released_angle, shifts
from engine.paper.verdicts import verdicts
from engine.results.records import ImprintRow
from tests.records import each


def planted(n: int = 1500, seed: int = 4) -> Pairs:
    return selftest.plant_pairs(np.random.default_rng(seed), n)


def pick(rows: list[ImprintRow], preset: str, outcome: str) -> list[ImprintRow]:
    return [r for r in rows if r.preset == preset and r.outcome == outcome]


def stacked(pairs: Pairs) -> np.ndarray:
    return np.vstack([pairs.chosen, pairs.rejected]).astype(float)


def test_released_code_is_ols_with_row_id_and_bonferroni_over_every_term() -> None:
    pairs = planted()
    rows = pick(reward_imprint(pairs, Options())[0], "released-code", "post")
    row_id = np.concatenate([pairs.pair_id, pairs.pair_id])
    fit = sm.OLS(
        pairs.post.T.ravel(), np.column_stack([np.ones(3000), row_id, stacked(pairs)])
    ).fit()
    assert each(rows, "estimate") == pytest.approx(fit.params[2:], rel=1e-9)
    assert each(rows, "std_error") == pytest.approx(fit.bse[2:], rel=1e-9)
    assert each(rows, "p_value") == pytest.approx(fit.pvalues[2:], rel=1e-7)
    assert each(rows, "p_adjusted") == pytest.approx(np.minimum(1, 8 * fit.pvalues[2:]), rel=1e-7)
    assert rows[0].clusters is None
    assert rows[0].coefficient.df == 3000 - 8


def test_pooled_clustered_is_ols_clustered_by_pair() -> None:
    pairs = planted()
    rows = pick(reward_imprint(pairs, Options())[0], "pooled-clustered", "difference")
    y = (pairs.post - pairs.pre).T.ravel()
    fit = sm.OLS(y, sm.add_constant(stacked(pairs))).fit(
        cov_type="cluster", cov_kwds={"groups": np.tile(pairs.pair_id, 2)}
    )
    assert each(rows, "estimate") == pytest.approx(fit.params[1:], rel=1e-9)
    assert each(rows, "std_error") == pytest.approx(fit.bse[1:], rel=1e-9)
    assert (rows[0].n, rows[0].clusters, rows[0].coefficient.df) == (3000, 1500, 1499)


def test_pair_fe_finds_the_truth_where_pooled_is_confounded() -> None:
    pairs = planted(4000)
    rows, dropped = reward_imprint(pairs, Options())
    assert dropped == []
    for outcome, beta in (("pre", selftest.BETA_PRE), ("post", selftest.BETA_POST)):
        fe = pick(rows, "pair-fe", outcome)
        z = (np.array(each(fe, "estimate")) - beta) / each(fe, "std_error")
        assert np.max(np.abs(z)) < 4
        pooled = pick(rows, "pooled-clustered", outcome)[selftest.CONFOUNDED]
        assert (
            pooled.coefficient.estimate - beta[selftest.CONFOUNDED]
        ) / pooled.coefficient.std_error > 8


def test_difference_is_post_minus_pre_in_every_preset() -> None:
    rows, _ = reward_imprint(planted(), Options())
    for preset in ("released-code", "pooled-clustered", "pair-fe"):
        pre, post, change = (
            np.array(each(pick(rows, preset, o), "estimate")) for o in ("pre", "post", "difference")
        )
        assert change == pytest.approx(post - pre, abs=1e-10)


def test_every_correction_is_over_the_features_of_one_regression() -> None:
    rows, _ = reward_imprint(planted(), Options())
    for preset in ("released-code", "pooled-clustered", "pair-fe"):
        found = pick(rows, preset, "pre")
        p = each(found, "p_value")
        for name, method in (("bonferroni",) * 2, ("holm",) * 2, ("bh", "fdr_bh")):
            ours = each(found, f"p_{name}")
            assert ours == pytest.approx(multipletests(p, method=method)[1], rel=1e-12), name
        terms = 8 if preset == "released-code" else 6  # with the intercept and row_id
        assert each(found, "p_adjusted") == pytest.approx(np.minimum(1, terms * np.array(p)))


def test_features_that_cannot_be_estimated_are_reported_by_name() -> None:
    pairs = planted(300)
    extra = tuple(Feature(n, "bool", "other") for n in ("always", "copy", "rare", "shared"))
    rng = np.random.default_rng(0)
    shared = rng.integers(0, 2, 300)
    columns = {
        "chosen": [np.ones(300), pairs.chosen[:, 0], np.arange(300) < 3, shared],
        "rejected": [np.ones(300), pairs.rejected[:, 0], np.zeros(300), shared],
    }
    wide = {
        side: np.column_stack([getattr(pairs, side), *values]).astype(np.int8)
        for side, values in columns.items()
    }
    pairs = replace(pairs, features=(*pairs.features, *extra), **wide)
    rows, dropped = reward_imprint(pairs, Options())
    reasons = {
        preset: {d.feature: d.reason for d in dropped if d.preset == preset}
        for preset in ("released-code", "pooled-clustered", "pair-fe")
    }
    assert reasons["released-code"] == {"always": "constant", "copy": "collinear"}
    assert reasons["pooled-clustered"] == reasons["released-code"] | {"rare": "too_rare"}
    assert reasons["pair-fe"] == reasons["pooled-clustered"] | {"shared": "constant"}
    for preset, missing in reasons.items():
        found = {r.feature for r in rows if r.preset == preset}
        assert found == {f.name for f in pairs.features} - set(missing)


def test_a_feature_that_is_row_id_is_dropped_where_row_id_is_held() -> None:
    pairs = planted(60).take(np.array([5, 50]))
    two = replace(
        pairs,
        features=pairs.features[:1],
        chosen=np.array([[0], [1]], np.int8),
        rejected=np.array([[0], [1]], np.int8),
    )
    rows, dropped = reward_imprint(two, Options())
    assert rows == []
    first = next(d for d in dropped if d.preset == "released-code")
    assert (first.reason, first.detail) == ("collinear", "a combination of row_id")


def test_unlabeled_pairs_are_left_out_and_counted() -> None:
    pairs = planted(400)
    labels = pairs.chosen.copy()
    labels[:30, 2] = MISSING
    short, dropped = reward_imprint(replace(pairs, chosen=labels), Options())
    assert short == reward_imprint(pairs.take(np.arange(30, 400)), Options())[0]
    assert [d.reason for d in dropped] == ["unlabeled_pairs"]
    assert "30 of 400" in dropped[0].detail


def test_a_feature_nobody_labeled_does_not_empty_the_table() -> None:
    pairs = planted(400)
    chosen, rejected = pairs.chosen.copy(), pairs.rejected.copy()
    chosen[:, 4] = rejected[:, 4] = MISSING
    pairs = replace(pairs, chosen=chosen, rejected=rejected)
    rows, dropped = reward_imprint(pairs, Options())
    assert len(rows) == 3 * 3 * 5
    assert [(d.feature, d.reason) for d in dropped] == [("refusal", "not_labeled")]
    shift_rows, _ = shift_imprint(pairs, shifts(pairs), Options())
    assert len(shift_rows) == 3 * 10


def test_shift_imprint_equals_statsmodels() -> None:
    pairs = planted()
    rows, dropped = shift_imprint(pairs, shifts(pairs), Options())
    x = sm.add_constant(np.hstack([pairs.chosen, pairs.rejected]).astype(float))
    theta = released_angle(pairs.pre, pairs.post)
    known = ~np.isnan(theta)
    classical = sm.OLS(theta[known], x[known]).fit()
    robust = sm.OLS(shifts(pairs).theta, x).fit(cov_type="HC1")
    found = {p: [r for r in rows if r.preset == p] for p in ("released-code", "pair-fe")}
    released = found["released-code"]
    assert each(released, "estimate") == pytest.approx(classical.params[1:], rel=1e-9)
    assert each(released, "std_error") == pytest.approx(classical.bse[1:], rel=1e-9)
    assert each(released, "p_value") == pytest.approx(classical.pvalues[1:], rel=1e-7)
    assert each(found["pair-fe"], "estimate") == pytest.approx(robust.params[1:], rel=1e-9)
    assert each(found["pair-fe"], "std_error") == pytest.approx(robust.bse[1:], rel=1e-9)
    lost = int(np.sum(~known))
    assert [d.reason for d in dropped] == ["undefined_shift"] * (lost > 0)
    assert released[0].n == 1500 - lost


def test_misalignment_equals_statsmodels_in_every_preset() -> None:
    pairs = planted(3000)
    v = verdicts(pairs, Options())
    rows, _ = misalignment(pairs, v, Options())
    x = sm.add_constant(np.hstack([pairs.chosen, pairs.rejected]).astype(float))
    y = (~v.aligned_post).astype(float)
    known = ~np.isnan(released_angle(pairs.pre, pairs.post))
    glm = sm.GLM(y[known], x[known], family=sm.families.Gaussian()).fit()
    linear = sm.OLS(y, x).fit(cov_type="HC1")
    logit = sm.Logit(y, x).fit(disp=0, method="newton", tol=1e-12)
    released, pooled, fe = (
        [r for r in rows if r.preset == p] for p in ("released-code", "pooled-clustered", "pair-fe")
    )
    assert each(released, "estimate") == pytest.approx(glm.params[1:], rel=1e-9)
    assert each(released, "std_error") == pytest.approx(glm.bse[1:], rel=1e-9)
    assert each(released, "p_value") == pytest.approx(glm.pvalues[1:], rel=1e-8, abs=1e-300)
    assert each(pooled, "std_error") == pytest.approx(linear.bse[1:], rel=1e-9)
    assert each(fe, "estimate") == pytest.approx(logit.params[1:], rel=1e-8)
    assert each(fe, "std_error") == pytest.approx(logit.bse[1:], rel=1e-8)
    margins = logit.get_margeff()
    assert [r.ame for r in fe] == pytest.approx(margins.margeff, rel=1e-8)
    assert [r.ame_se for r in fe] == pytest.approx(margins.margeff_se, rel=1e-8)
    assert {r.scale for r in released + pooled} == {"risk_difference"}
    assert {(r.scale, r.method, r.coefficient.df) for r in fe} == {("log_odds", "logit", None)}


def test_ties_stay_in_misalignment_only_where_they_count_as_misaligned() -> None:
    pairs = planted(500)
    ties = int(np.sum(pairs.post[:, 0] == pairs.post[:, 1]))
    assert ties > 0
    for policy, expected in (("misaligned", 500), ("exclude", 500 - ties)):
        options = Options(tie_policy=policy)
        rows, dropped = misalignment(pairs, verdicts(pairs, options), options)
        assert {r.n for r in rows if r.preset == "pair-fe"} == {expected}
        assert any(d.reason == "tied_pairs" for d in dropped) == (policy == "exclude")


def test_misalignment_without_events_says_so() -> None:
    pairs = planted(300)
    post = np.column_stack([np.ones(300), np.zeros(300)])
    pairs = replace(pairs, post=post)
    rows, dropped = misalignment(pairs, verdicts(pairs, Options()), Options())
    assert rows == []
    assert {d.reason for d in dropped} >= {"no_events"}


def test_a_constant_reward_has_estimates_and_no_inference() -> None:
    pairs = planted(300)
    pairs = replace(pairs, post=np.ones((300, 2)))
    for row in (r for r in reward_imprint(pairs, Options())[0] if r.outcome == "post"):
        assert row.coefficient.estimate == pytest.approx(0.0, abs=1e-12)
        assert row.standardized is None
