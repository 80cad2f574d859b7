"""The tests of d9 against statsmodels and scipy, and p-values beyond underflow."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri
from statsmodels.stats.contingency_tables import mcnemar as sm_mcnemar
from statsmodels.stats.descriptivestats import sign_test as sm_sign_test
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from engine.paper.inference import (
    Z_95,
    Z_POWER,
    adjust,
    coefficients,
    mcnemar,
    newcombe,
    one_sample_t,
    sign_test,
    two_sample_t,
    wilson,
)
from engine.paper.special import (
    log_binomial_half_tail,
    log_normal_two_sided,
    log_t_two_sided,
)


@pytest.mark.parametrize(("b", "c"), [(0, 1), (3, 5), (7, 7), (12, 80), (400, 520), (1000, 1300)])
def test_mcnemar_and_sign_test_equal_statsmodels(b: int, c: int) -> None:
    table = [[5, b], [c, 9]]
    theirs = sm_mcnemar(table, exact=True)
    ours = mcnemar(b, c)
    assert ours.p_value == pytest.approx(min(1.0, theirs.pvalue), rel=1e-9)
    assert ours.statistic == theirs.statistic
    values = np.concatenate([np.ones(b), -np.ones(c), np.zeros(4)])
    m, p = sm_sign_test(values)
    sign = sign_test(b, c)
    assert sign.statistic == m
    assert sign.p_value == pytest.approx(p, rel=1e-9)
    assert sign.n == b + c


@pytest.mark.parametrize("n", [2, 5, 400])
def test_t_tests_equal_scipy(n: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(0.3, 1, n), rng.normal(0, 2, n + 3)
    one = stats.ttest_1samp(x, 0.0)
    assert one_sample_t(x).p_value == pytest.approx(one.pvalue, rel=1e-9)
    two, ours = stats.ttest_ind(x, y), two_sample_t(x, y)
    assert ours.statistic == pytest.approx(two.statistic, rel=1e-12)
    assert ours.p_value == pytest.approx(two.pvalue, rel=1e-9)


def test_tests_without_data_have_no_p_value() -> None:
    assert sign_test(0, 0).p_value is None
    assert mcnemar(0, 0).log10_p is None
    assert one_sample_t(np.ones(5)).statistic is None
    assert one_sample_t(np.zeros(0)).p_value is None
    assert two_sample_t(np.ones(1), np.ones(9)).p_value is None
    assert two_sample_t(np.ones(3), np.ones(9)).p_value is None


def test_log_tails_continue_where_doubles_end() -> None:
    # the exact log p of Bin(1000, 1/2) <= 0 and of a far normal tail
    assert log_binomial_half_tail(0, 2000) == pytest.approx(-2000 * math.log(2), rel=1e-12)
    big = log_binomial_half_tail(14_065, 55_510)
    assert -2995 * 2.4 < big < -2000
    exact = math.log(sum(math.comb(4000, j) for j in range(601))) - 4000 * math.log(2)
    assert log_binomial_half_tail(600, 4000) == pytest.approx(exact, rel=1e-9)
    assert log_normal_two_sided(60.0) == pytest.approx(stats.norm.logsf(60) + math.log(2))


@pytest.mark.parametrize("df", [1, 3, 30, 1e3, 160_799.0, 1e8])
@pytest.mark.parametrize("t", [0.0, 0.5, 1.96, 8.0, 25.0])
def test_t_tail_equals_scipy(df: float, t: float) -> None:
    assert math.exp(log_t_two_sided(t, df)) == pytest.approx(2 * stats.t.sf(t, df), rel=1e-9)


@pytest.mark.parametrize("df", [160_799.0, 40_000.0])
def test_deep_t_tail_is_smooth_and_not_the_normal_one(df: float) -> None:
    below, above = log_t_two_sided(36.0, df), log_t_two_sided(37.5, df)
    assert above < below < 0
    # d/dt ln p ≈ −(df + 1) t / (df + t²), also across the change of formula
    for t in (30.0, 36.3, 37.0, 40.0, 60.0):
        slope = (log_t_two_sided(t + 0.01, df) - log_t_two_sided(t - 0.01, df)) / 0.02
        assert slope == pytest.approx(-(df + 1) * t / (df + t * t), rel=2e-3)
    assert log_t_two_sided(60.0, df) > log_normal_two_sided(60.0) + 10


def test_wilson_equals_statsmodels() -> None:
    for k, n in ((0, 7), (7, 7), (30, 100), (119_091, 160_800)):
        theirs = proportion_confint(k, n, method="wilson")
        assert wilson(k, n) == pytest.approx(theirs, rel=1e-9, abs=1e-15)
    assert wilson(0, 0) == (None, None)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("bonferroni", "bonferroni"), ("holm", "holm"), ("bh", "fdr_bh")]
)
def test_corrections_equal_statsmodels_and_skip_the_unknown(ours: str, theirs: str) -> None:
    p = np.random.default_rng(3).random(20) ** 3
    assert adjust(p, ours) == pytest.approx(multipletests(p, method=theirs)[1], rel=1e-12)
    with_gap = np.insert(p, 5, np.nan)
    assert np.delete(adjust(with_gap, ours), 5) == pytest.approx(adjust(p, ours), rel=1e-15)
    assert np.isnan(adjust(with_gap, ours)[5])


def test_no_correction_leaves_p_alone_and_extra_terms_count() -> None:
    p = np.array([0.01, 0.2])
    assert adjust(p, "none").tolist() == p.tolist()
    assert adjust(p, "bonferroni", 3) == pytest.approx([0.05, 1.0])


def test_a_zero_standard_error_gives_no_inference() -> None:
    exact, normal = coefficients(np.array([2.0, 1.0]), np.array([0.0, 0.5]), 12.0, "bonferroni")
    assert (exact.estimate, exact.p_value, exact.ci_low) == (2.0, None, None)
    assert normal.p_adjusted == normal.p_value  # the other one is not counted
    assert normal.std_error == 0.5


def test_each_coefficient_keeps_its_own_standard_error() -> None:
    found = coefficients(np.array([1.0, 1.0]), np.array([0.5, 0.25]), None)
    assert [c.std_error for c in found] == [0.5, 0.25]
    assert [c.statistic for c in found] == [2.0, 4.0]
    assert found[0].p_value == pytest.approx(2 * stats.norm.sf(2.0), rel=1e-12)
    assert found[1].mde == pytest.approx(0.25 * (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)))


def test_newcombe_mirrors_and_covers_paired_differences() -> None:
    low, high = newcombe(36, 12, 2, 0)
    assert low < (38 - 48) / 50 < high
    assert newcombe(36, 2, 12, 0) == pytest.approx((-high, -low))
    assert newcombe(10, 0, 0, 0) == pytest.approx((-wilson(0, 10)[1], wilson(0, 10)[1]))
    rng = np.random.default_rng(4)
    shares = np.array([0.45, 0.2, 0.05, 0.3])  # the truth: 0.05 − 0.2
    ends = np.array([newcombe(*row) for row in rng.multinomial(60, shares, size=2000)])
    covered = np.mean((ends[:, 0] <= -0.15) & (ends[:, 1] >= -0.15))
    assert covered == pytest.approx(0.95, abs=0.02)


def test_the_normal_quantiles_that_are_written_out_are_exact() -> None:
    assert ndtri(0.975) == Z_95
    assert Z_95 + ndtri(0.80) == Z_POWER
