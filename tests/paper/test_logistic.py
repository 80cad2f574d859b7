"""Logistic fits against statsmodels; separation; Firth's closed forms."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from engine.paper.inference import Z_95
from engine.paper.logistic import (
    clustered_cov,
    discrete_effects,
    fit_firth,
    fit_logit,
    marginal_effects,
    patterns,
    profile_interval,
    profile_test,
    smallest_cells,
    with_intercept,
)
from engine.paper.odds import log_odds


def data(n: int = 3000, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, size=(n, 6)).astype(np.int8)
    x[:, 5] = rng.integers(-1, 2, size=n)
    eta = -1 + x @ np.array([1.0, -0.5, 0, 0.8, 0.2, 0.6])
    return x, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)


def test_patterns_hold_the_data() -> None:
    x, y = data()
    p = patterns(x, y)
    assert len(p.x) == 2**5 * 3
    assert p.trials.sum() == len(y)
    assert p.events.sum() == y.sum()
    assert np.array_equal(p.x[p.row], with_intercept(x))


def test_patterns_of_very_many_columns_do_not_overflow() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-1, 2, size=(50, 90)).astype(np.int8)
    x[25:] = x[:25]
    p = patterns(x, np.ones(50))
    assert len(p.x) == 25
    assert np.array_equal(p.x[p.row], with_intercept(x))


def test_logit_equals_statsmodels() -> None:
    x, y = data()
    theirs = sm.Logit(y, with_intercept(x)).fit(disp=0, method="newton", tol=1e-12)
    p = patterns(x, y)
    ours = fit_logit(p)
    assert ours.converged
    assert ours.beta == pytest.approx(theirs.params, rel=1e-9)
    assert ours.std_error == pytest.approx(theirs.bse, rel=1e-9)
    assert ours.loglik == pytest.approx(theirs.llf, rel=1e-12)
    margins = theirs.get_margeff(at="overall", method="dydx")
    ame, se = marginal_effects(p, ours)
    assert ame[1:] == pytest.approx(margins.margeff, rel=1e-9)
    assert se[1:] == pytest.approx(margins.margeff_se, rel=1e-9)


def test_discrete_effects_equal_statsmodels_dummies() -> None:
    x, y = data()
    x = x[:, :5]
    theirs = sm.Logit(y, with_intercept(x)).fit(disp=0, method="newton", tol=1e-12)
    margins = theirs.get_margeff(at="overall", dummy=True)
    p = patterns(x, y)
    effect, se = discrete_effects(p, fit_logit(p), [1, 2, 3, 4, 5])
    assert effect == pytest.approx(margins.margeff, rel=1e-9)
    assert se == pytest.approx(margins.margeff_se, rel=1e-9)


def test_clustered_logit_equals_statsmodels() -> None:
    x, y = data()
    cluster = np.arange(len(y)) // 3
    theirs = sm.Logit(y, with_intercept(x)).fit(
        disp=0, method="newton", tol=1e-12, cov_type="cluster", cov_kwds={"groups": cluster}
    )
    p = patterns(x, y)
    cov = clustered_cov(p, fit_logit(p), y, cluster)
    assert np.sqrt(np.diag(cov)) == pytest.approx(theirs.bse, rel=1e-9)


def two_by_two(a: int, b: int, c: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """x = 1: a events, b not; x = 0: c events, d not."""
    x = np.repeat(np.array([[1], [1], [0], [0]], np.int8), [a, b, c, d], axis=0)
    return x, np.repeat([1.0, 0.0, 1.0, 0.0], [a, b, c, d])


@pytest.mark.parametrize("cells", [(3, 5, 8, 4), (0, 5, 8, 4), (7, 0, 0, 9), (1, 200, 40, 3000)])
def test_firth_on_a_two_by_two_adds_a_half_to_each_cell(cells: tuple[int, ...]) -> None:
    fit = fit_firth(patterns(*two_by_two(*cells)))
    a, b, c, d = (count + 0.5 for count in cells)
    assert fit.converged
    assert fit.beta[1] == pytest.approx(math.log(a * d / (b * c)), abs=1e-8)
    assert fit.beta[0] == pytest.approx(math.log(c / d), abs=1e-8)


@pytest.mark.parametrize("cells", [(0, 5, 8, 4), (7, 0, 0, 9)])
def test_separation_is_seen_and_not_called_an_estimate(cells: tuple[int, ...]) -> None:
    assert not fit_logit(patterns(*two_by_two(*cells))).converged


def test_separation_by_a_combination_of_columns_is_seen_too() -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, size=(400, 3)).astype(np.int8)
    y = (x.sum(axis=1) >= 2).astype(float)
    assert min(smallest_cells(x, y)) > 0
    assert not fit_logit(patterns(x, y)).converged
    fit = fit_firth(patterns(x, y))
    assert fit.converged
    assert np.all(np.isfinite(fit.beta))


def test_separated_column_gets_finite_odds_and_a_likelihood_ratio_p_value() -> None:
    rng = np.random.default_rng(3)
    x = (rng.random((600, 2)) < [0.02, 0.5]).astype(np.int8)
    y = ((rng.random(600) < 0.3 + 0.2 * x[:, 1]) | (x[:, 0] == 1)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rare, common = log_odds(x, y, terms=[0, 1])
    assert rare.method == common.method == "firth"
    assert 0 < rare.coefficient.estimate < 10
    assert rare.coefficient.ci_low > 0
    assert rare.coefficient.p_value < 1e-3
    assert rare.odds_ratio == pytest.approx(math.exp(rare.coefficient.estimate))
    assert rare.ame > 0


def test_profile_of_a_large_sample_agrees_with_wald() -> None:
    x, y = data(6000)
    p = patterns(x, y)
    fit = fit_firth(p)
    low, high = profile_interval(p, fit, 1, Z_95)
    assert low == pytest.approx(fit.beta[1] - Z_95 * fit.std_error[1], abs=0.01)
    assert high == pytest.approx(fit.beta[1] + Z_95 * fit.std_error[1], abs=0.01)
    assert profile_test(p, fit, 1) == pytest.approx((fit.beta[1] / fit.std_error[1]) ** 2, rel=0.05)


def test_profile_interval_ends_where_the_likelihood_ratio_rejects() -> None:
    p = patterns(*two_by_two(0, 12, 30, 50))
    fit = fit_firth(p)
    ends = profile_interval(p, fit, 1, Z_95)
    for end in ends:
        at = fit_firth(p, 1, end)
        assert 2 * (fit.loglik - at.loglik) == pytest.approx(stats.chi2.ppf(0.95, 1), abs=2e-3)
    assert ends[0] < fit.beta[1] < ends[1] < 0


def test_smallest_cells_count_level_by_outcome() -> None:
    x = np.array([[0, 1]] * 4 + [[1, 1]] * 4, np.int8)
    y = np.array([0, 0, 1, 1, 0, 0, 0, 1], float)
    assert smallest_cells(x, y).tolist() == [1, 3]
