"""Flips under rewriting (docs/method.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.contingency_tables import mcnemar

from engine.paper import selftest
from engine.paper.given import Given
from engine.paper.inputs import MISSING, Feature, Options, Pairs, Rewrites
from engine.paper.rewriting import drift_rows, strategies
from engine.paper.robustness import flip_design, robustness, robustness_columns, scores
from engine.results.records import RobustnessRow, StrategyRow
from tests.records import each

Study = Callable[..., tuple]


def rows_of(rewrites: Rewrites, preset: str, population: str = "all") -> list[RobustnessRow]:
    found, _ = scores(rewrites.ordered(), selftest.FEATURES, Options())
    found = [r for r in found if r.preset == preset and r.population == population]
    together = {r.strategy for r in found} & {"all"}
    return [r for r in found if not together or r.strategy == "all"]


def given(rewrites: Rewrites, **options: object) -> Given:
    """What the measures of rewriting are given; every rewrite counts unless asked otherwise."""
    none, labels = np.zeros((0, 2)), np.zeros((0, len(selftest.FEATURES)), np.int8)
    pairs = Pairs(np.zeros(0, np.int64), none, none, selftest.FEATURES, labels, labels)
    return Given(pairs, rewrites.ordered(), (), Options(**{"min_cosine": 0.0, **options}))


def by_strategy(rewrites: Rewrites, **options: object) -> list[StrategyRow]:
    return list(strategies.compute(given(rewrites, **options)).rows)


def design(rewrites: Rewrites) -> np.ndarray:
    x, _ = flip_design(rewrites, selftest.FEATURES, [0, 1, 2], exact=True)
    return sm.add_constant(x.astype(float))


def outcome(rewrites: Rewrites) -> np.ndarray:
    before = rewrites.post_original[:, 0] > rewrites.post_original[:, 1]
    after = rewrites.post_rewritten[:, 0] > rewrites.post_rewritten[:, 1]
    return (before & ~after).astype(float)


def test_the_paper_features_are_its_targets_and_spoilers(taxonomy: tuple[Feature, ...]) -> None:
    names = {taxonomy[j].name for j in robustness_columns(taxonomy)}
    assert names == {"harmless", "helpful", "coherent", "eloquent", "sentiment"}
    only_other = [Feature("x", "bool", "other"), Feature("y", "bool", "other", regress=False)]
    assert robustness_columns(only_other) == [0]


def test_plus_is_lost_and_minus_is_gained(study: Study) -> None:
    _, rewrites, _ = study(200)
    x, terms = flip_design(rewrites, selftest.FEATURES, [2], exact=False)
    lost = next(i for i, t in enumerate(terms) if (t.side, t.sign) == ("chosen", "+"))
    expected = (rewrites.original_chosen[:, 2] == 1) & (rewrites.rewritten_chosen[:, 2] == 0)
    assert np.array_equal(x[:, lost] == 1, expected)


def test_sentiment_moving_by_two_counts_except_in_the_released_reading() -> None:
    label = np.ones((3, 1), np.int8)
    after = np.array([[-1], [0], [1]], np.int8)
    two, feature = np.zeros((3, 2)), (Feature("sentiment", "sentiment", "spoiler"),)
    rewrites = Rewrites(
        np.arange(3), ["a"] * 3, label, label, after, label, two, two, two, two, two
    )
    assert flip_design(rewrites, feature, [0], exact=False)[0][:, 0].tolist() == [1, 1, 0]
    assert flip_design(rewrites, feature, [0], exact=True)[0][:, 0].tolist() == [0, 1, 0]


def test_released_code_is_a_gaussian_glm_without_correction(study: Study) -> None:
    _, rewrites, _ = study(1608)
    rows = rows_of(rewrites, "released-code")
    fit = sm.GLM(outcome(rewrites), design(rewrites), family=sm.families.Gaussian()).fit()
    assert each(rows, "estimate") == pytest.approx(fit.params[1:], rel=1e-9)
    assert each(rows, "std_error") == pytest.approx(fit.bse[1:], rel=1e-9)
    assert each(rows, "p_value") == pytest.approx(fit.pvalues[1:], rel=1e-8)
    assert all(r.coefficient.p_adjusted == r.coefficient.p_value for r in rows)


def test_the_linear_preset_is_robust_and_the_default_is_logistic(study: Study) -> None:
    _, rewrites, _ = study(4000)
    pooled, fe = rows_of(rewrites, "pooled-clustered"), rows_of(rewrites, "pair-fe")
    robust = sm.OLS(outcome(rewrites), design(rewrites)).fit(cov_type="HC1")
    logit = sm.Logit(outcome(rewrites), design(rewrites)).fit(disp=0, tol=1e-12)
    assert each(pooled, "std_error") == pytest.approx(robust.bse[1:], rel=1e-9)
    assert {r.method for r in fe} == {"logit"}
    assert each(fe, "estimate") == pytest.approx(logit.params[1:], rel=1e-8)
    assert {r.scale for r in pooled} == {"risk_difference"}
    assert {r.scale for r in fe} == {"log_odds"}
    for linear, logistic in zip(pooled, fe, strict=True):
        assert logistic.ame == pytest.approx(linear.coefficient.estimate, abs=0.05)
        assert logistic.odds_ratio == pytest.approx(np.exp(logistic.coefficient.estimate))


def test_counts_of_a_cell_are_raw(study: Study) -> None:
    _, rewrites, _ = study(1608)
    y = outcome(rewrites)
    for population, use in (
        ("all", np.ones(1608, bool)),
        ("aligned", rewrites.post_original[:, 0] > rewrites.post_original[:, 1]),
    ):
        row = next(
            r
            for r in rows_of(rewrites, "pair-fe", population)
            if (r.feature, r.side, r.sign) == ("eloquent", "chosen", "+")
        )
        flip = (rewrites.original_chosen[:, 2] - rewrites.rewritten_chosen[:, 2] == 1) & use
        assert (row.n, row.events) == (flip.sum(), y[flip].sum())
        assert row.baseline_n + row.n == row.total == use.sum()
        assert row.baseline_events + row.events == y[use].sum()


def test_among_aligned_pairs_the_planted_log_odds_come_back(study: Study) -> None:
    _, rewrites, _ = study(8000)
    rows = {(r.feature, r.side, r.sign): r for r in rows_of(rewrites, "pair-fe", "aligned")}
    for key, planted in {
        ("eloquent", "chosen", "+"): selftest.LOST,
        ("eloquent", "chosen", "-"): selftest.GAINED,
        ("harmless", "rejected", "+"): 0.0,
    }.items():
        row = rows[key]
        assert abs(row.coefficient.estimate - planted) < 4 * row.coefficient.std_error
    assert rows["eloquent", "chosen", "+"].coefficient.p_adjusted < 1e-6


def test_a_cell_in_which_all_become_misaligned_gets_finite_odds(study: Study) -> None:
    _, rewrites, _ = study(500, 3)
    lost = rewrites.original_chosen[:, 2] - rewrites.rewritten_chosen[:, 2] == 1
    aligned = rewrites.post_original[:, 0] > rewrites.post_original[:, 1]
    keep = ~lost | aligned & (np.cumsum(lost & aligned) <= 8)
    post = rewrites.post_rewritten.copy()
    post[lost] = [-1.0, 1.0]
    rewrites = replace(rewrites, post_rewritten=post).take(keep)
    row = next(r for r in rows_of(rewrites, "pair-fe") if (r.feature, r.sign) == ("eloquent", "+"))
    assert (row.n, row.events, row.method) == (8, 8, "firth")
    assert 1 < row.coefficient.estimate < 8
    assert 0 < row.coefficient.ci_low < row.coefficient.estimate
    assert row.coefficient.p_value < 0.001


def test_repeated_pairs_are_clustered_and_strategies_held_fixed(study: Study) -> None:
    _, rewrites, _ = study(1500)
    twice = Rewrites(
        *(
            np.concatenate([getattr(rewrites, name)] * 2)
            if name != "strategy"
            else ["neutral"] * 1500 + ["placebo"] * 1500
            for name in rewrites.__dataclass_fields__
        )
    )
    once, both = rows_of(rewrites, "pooled-clustered"), rows_of(twice, "pooled-clustered")
    # the same rows twice: the clustered error must not shrink by √2
    for a, b in zip(once, both, strict=True):
        assert b.coefficient.estimate == pytest.approx(a.coefficient.estimate, abs=1e-9)
        assert b.coefficient.std_error == pytest.approx(a.coefficient.std_error, rel=0.01)
        assert (b.n, b.strategy) == (2 * a.n, "all")
    logits = zip(rows_of(rewrites, "pair-fe"), rows_of(twice, "pair-fe"), strict=True)
    for a, b in logits:
        assert b.coefficient.std_error == pytest.approx(a.coefficient.std_error, rel=0.2)
    apart, _ = scores(twice.ordered(), selftest.FEATURES, Options())
    for strategy in ("neutral", "placebo"):
        alone = [
            r
            for r in apart
            if (r.strategy, r.preset, r.population) == (strategy, "pooled-clustered", "all")
        ]
        assert each(alone, "estimate") == pytest.approx(each(once, "estimate"))
        assert [r.n for r in alone] == [r.n for r in once]


def test_a_strategy_that_flips_more_and_harms_more_is_not_taken_for_a_flip() -> None:
    rng = np.random.default_rng(1)
    m = 3000
    harsh = np.arange(m) % 2 == 1
    one = (Feature("eloquent", "bool", "spoiler"),)
    before = np.ones((m, 1), np.int8)
    after = np.where(rng.random(m) < np.where(harsh, 0.6, 0.1), 0, 1).astype(np.int8)[:, None]
    worse = rng.random(m) < np.where(harsh, 0.5, 0.1)  # the flip itself does nothing
    aligned, misaligned = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    original = np.tile(aligned, (m, 1))
    rewritten = np.where(worse[:, None], misaligned, aligned)
    rewrites = Rewrites(
        np.arange(m),
        np.where(harsh, "harsh", "mild"),
        before,
        before,
        after,
        before,
        original,
        original,
        original,
        rewritten,
        np.ones((m, 2)),
    )
    rows, _ = scores(rewrites.ordered(), one, Options())
    z = {
        r.preset: r.coefficient.statistic
        for r in rows
        if (r.population, r.strategy) == ("all", "all")
    }
    assert abs(z["pooled-clustered"]) < 3
    assert abs(z["pair-fe"]) < 3
    assert z["released-code"] > 10  # pooled over strategies, as released


def test_robustness_is_corrected_over_the_cells_of_one_regression(study: Study) -> None:
    _, rewrites, _ = study(4000)
    for preset in ("pooled-clustered", "pair-fe"):
        rows = rows_of(rewrites, preset)
        for row in rows:
            assert row.coefficient.p_adjusted == row.coefficient.p_bonferroni
            assert row.coefficient.p_adjusted == pytest.approx(
                min(1.0, len(rows) * row.coefficient.p_value)
            )
            assert (
                row.coefficient.p_value
                <= row.coefficient.p_bh
                <= row.coefficient.p_holm
                <= row.coefficient.p_bonferroni
            )
            assert row.coefficient.mde == pytest.approx(
                2.8016 * row.coefficient.std_error, rel=1e-4
            )


def test_rewrites_that_drifted_are_left_out_by_their_lesser_cosine(study: Study) -> None:
    _, rewrites, _ = study(600)
    cosine = np.full((600, 2), 0.98)
    cosine[:50, 1] = 0.85
    cosine[50:60, 0] = np.nan
    rewrites = replace(rewrites, cosine=cosine)
    measured = robustness.compute(given(rewrites, min_cosine=0.9))
    found, dropped = measured.rows, measured.dropped
    assert {r.total for r in found if r.population == "all"} == {540}
    assert any(d.reason == "low_cosine" and d.detail.startswith("60 of 600") for d in dropped)


def test_drift_fits_again_on_the_rewrites_that_stayed_near(study: Study) -> None:
    _, rewrites, _ = study(600)
    cosine = np.full((600, 2), 0.98)
    cosine[:50, 1] = 0.85
    cosine[50:60, 0] = np.nan
    rewrites = replace(rewrites, cosine=cosine).ordered()
    rows, dropped = drift_rows(rewrites, selftest.FEATURES, Options(), [0.0, 0.9, 0.99])
    assert {(r.threshold, r.rewrites) for r in rows} == {(0.0, 600), (0.9, 540)}
    near = [r for r in rows if (r.threshold, r.population) == (0.9, "all")]
    expected = rows_of(rewrites.near(0.9), "pooled-clustered")
    assert [(r.estimate, r.n, r.total) for r in near] == [
        (r.coefficient.estimate, r.n, r.total) for r in expected
    ]
    assert {d.table for d in dropped} == {"robustness_drift"}
    assert any("cosine from 0.99" in d.detail for d in dropped)


def test_a_strategy_is_told_by_what_it_does_to_the_verdicts() -> None:
    up, down = [1.0, 0.0], [0.0, 1.0]
    before = np.array([up] * 6 + [down] * 4)
    after = np.array([down] * 3 + [up] * 3 + [up] + [down] * 3)
    label = np.zeros((10, 1), np.int8)
    nothing = np.full((10, 2), np.nan)
    cosine = np.column_stack([np.full(10, 0.9), np.full(10, 0.8)])
    rewrites = Rewrites(
        np.arange(10), ["kind"] * 10, label, label, label, label,
        nothing, nothing, before, after, cosine,
    )  # fmt: skip
    (row,) = by_strategy(rewrites)  # pre-D was not scored: no row of it
    assert (row.strategy, row.role, row.n) == ("kind", "post", 10)
    assert (row.resistance_before, row.resistance_after) == (0.4, 0.6)
    assert row.change == pytest.approx(0.2)
    assert (row.aligned_before, row.became_misaligned, row.became_aligned) == (6, 3, 1)
    assert (row.loss, row.cosine_mean) == (0.5, pytest.approx(0.8))
    assert row.p_value == pytest.approx(mcnemar([[3, 3], [1, 3]], exact=True).pvalue)
    assert row.change_low < 0 < row.change < row.change_high
    assert row.loss_low < row.loss < row.loss_high
    assert by_strategy(rewrites, min_cosine=0.85) == []


def test_a_strategy_without_aligned_pairs_has_no_loss_and_one_without_change_no_test() -> None:
    down = np.array([[0.0, 1.0]] * 3)
    label = np.zeros((3, 1), np.int8)
    rewrites = Rewrites(
        np.arange(3), ["a"] * 3, label, label, label, label, down, down, down, down, down
    )
    for row in by_strategy(rewrites):
        assert (row.loss, row.p_value, row.change) == (None, None, 0.0)
    tied = replace(rewrites, post_rewritten=np.zeros((3, 2)))
    assert [r.role for r in by_strategy(tied, tie_policy="exclude")] == ["pre"]


def test_missing_labels_and_no_rewrites_are_said() -> None:
    rng = np.random.default_rng(0)
    pairs = selftest.plant_pairs(rng, 300)
    rewrites = selftest.plant_rewrites(rng, pairs)
    after = rewrites.rewritten_chosen.copy()
    after[:, 1] = MISSING
    after[:20, 0] = MISSING
    found, dropped = scores(replace(rewrites, rewritten_chosen=after), selftest.FEATURES, Options())
    assert {r.feature for r in found} == {"harmless", "eloquent"}
    assert ("not_labeled", "helpful") in {(d.reason, d.feature) for d in dropped}
    assert any(d.reason == "unlabeled_pairs" and "20 of 300" in d.detail for d in dropped)
    none = rewrites.take(np.zeros(300, bool))
    found, dropped = scores(none, selftest.FEATURES, Options())
    assert found == []
    assert {d.reason for d in dropped} == {"too_few_pairs"}
