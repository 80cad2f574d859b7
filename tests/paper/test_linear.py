"""Linear fits against statsmodels and pyfixest; the degrees-of-freedom conventions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import statsmodels.api as sm
from statsmodels.stats.outliers_influence import variance_inflation_factor

from engine.paper.linear import first_difference, ols, ols_clustered, vif
from engine.paper.screen import screen

G, K = 2000, 8


@pytest.fixture(scope="module")
def panel() -> dict[str, np.ndarray]:
    """The toy of docs/method.md: two entries in each of 2,000 pairs, pair effects, eight
    features."""
    rng = np.random.default_rng(23)
    alpha = rng.normal(size=(G, 1))
    x = (rng.random((G, 2, K)) < 0.3 + 0.2 * (alpha[:, :, None] > 0)).astype(np.int8)
    noise = rng.normal(size=(G, 2)) * (1 + x[:, :, 0])
    y = alpha + x @ np.linspace(-1, 1, K) + noise
    return {
        "x": x.reshape(2 * G, K).astype(float),
        "y": y.reshape(2 * G),
        "pair": np.repeat(np.arange(G), 2),
        "dx": (x[:, 0] - x[:, 1]).astype(float),
        "dy": y[:, 0] - y[:, 1],
    }


def within(panel: dict[str, np.ndarray], name: str) -> np.ndarray:
    values = panel[name].reshape(G, 2, -1)
    return (values - values.mean(axis=1, keepdims=True)).reshape(2 * G, -1)


def test_ols_equals_statsmodels_also_with_a_row_id(panel: dict[str, np.ndarray]) -> None:
    row_id = np.repeat(np.arange(G), 2).astype(float)
    x = np.column_stack([np.ones(2 * G), row_id, panel["x"]])
    theirs, ours = sm.OLS(panel["y"], x).fit(), ols(x, panel["y"])
    assert ours.beta == pytest.approx(theirs.params, rel=1e-9)
    assert ours.std_error == pytest.approx(theirs.bse, rel=1e-9)
    assert ours.df == theirs.df_resid
    assert ours.clusters is None


def test_clustered_ols_equals_statsmodels(panel: dict[str, np.ndarray]) -> None:
    x = np.column_stack([np.ones(2 * G), panel["x"]])
    theirs = sm.OLS(panel["y"], x).fit(cov_type="cluster", cov_kwds={"groups": panel["pair"]})
    ours = ols_clustered(x, panel["y"], panel["pair"])
    assert ours.beta == pytest.approx(theirs.params, rel=1e-9)
    assert ours.std_error == pytest.approx(theirs.bse, rel=1e-9)
    assert (ours.clusters, ours.df) == (G, G - 1)


def test_one_row_per_cluster_is_hc1(panel: dict[str, np.ndarray]) -> None:
    x = np.column_stack([np.ones(G), panel["dx"]])
    theirs = sm.OLS(panel["dy"], x).fit(cov_type="HC1")
    assert ols_clustered(x, panel["dy"], np.arange(G)).std_error == pytest.approx(
        theirs.bse, rel=1e-9
    )


def test_first_difference_is_the_within_fit_clustered_by_pair(
    panel: dict[str, np.ndarray],
) -> None:
    theirs = sm.OLS(within(panel, "y")[:, 0], within(panel, "x")).fit(
        cov_type="cluster", cov_kwds={"groups": panel["pair"]}
    )
    ours = first_difference(panel["dx"], panel["dy"])
    assert ours.beta == pytest.approx(theirs.params, rel=1e-9)
    assert ours.std_error == pytest.approx(theirs.bse, rel=1e-9)
    assert (ours.n, ours.clusters, ours.df) == (2 * G, G, G - 1)


def test_degrees_of_freedom_conventions_are_the_documented_factors(
    panel: dict[str, np.ndarray],
) -> None:
    n = 2 * G
    ours = first_difference(panel["dx"], panel["dy"]).std_error
    cr0 = ours / np.sqrt(G / (G - 1) * (n - 1) / (n - K))
    fd = sm.OLS(panel["dy"], panel["dx"])
    demeaned = sm.OLS(within(panel, "y")[:, 0], within(panel, "x"))
    uncorrected = demeaned.fit(
        cov_type="cluster", cov_kwds={"groups": panel["pair"], "use_correction": False}
    )
    assert uncorrected.bse == pytest.approx(cr0, rel=1e-9)
    assert fd.fit(cov_type="HC0").bse == pytest.approx(cr0, rel=1e-9)
    assert fd.fit(cov_type="HC1").bse == pytest.approx(cr0 * np.sqrt(G / (G - K)), rel=1e-9)


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pyfixest on pandas 3
@pytest.mark.parametrize(
    ("count", "extra"),
    [("none", 0), ("nonnested", 1), ("full", G)],
)
def test_pyfixest_agrees_under_each_of_its_conventions(
    panel: dict[str, np.ndarray], count: str, extra: int
) -> None:
    names = [f"x{j}" for j in range(K)]
    data = pd.DataFrame(panel["x"], columns=names)
    data["y"], data["pair"] = panel["y"], panel["pair"]
    fit = pf.feols(
        "y ~ " + " + ".join(names) + " | pair",
        data=data,
        vcov={"CRV1": "pair"},
        ssc=pf.ssc(k_fixef=count),
    )
    ours, n = first_difference(panel["dx"], panel["dy"]), 2 * G
    # "full" counts every pair effect: errors √2 too large for two entries a pair
    factor = np.sqrt((n - K) / (n - K - extra))
    assert fit.coef().to_numpy() == pytest.approx(ours.beta, rel=1e-7)
    assert fit.se().to_numpy() == pytest.approx(ours.std_error * factor, rel=1e-4)
    if extra < G:
        assert fit.se().to_numpy() == pytest.approx(ours.std_error * factor, rel=1e-7)


def test_vif_equals_statsmodels(panel: dict[str, np.ndarray]) -> None:
    x = panel["x"].copy()
    x[:, 3] = np.where(np.arange(len(x)) % 5 == 0, x[:, 3], x[:, 2])
    full = np.column_stack([np.ones(len(x)), x])
    theirs = [variance_inflation_factor(full, j + 1) for j in range(K)]
    assert vif(x) == pytest.approx(theirs, rel=1e-9)
    theirs = [variance_inflation_factor(panel["dx"], j, standardize=False) for j in range(K)]
    assert vif(panel["dx"], centred=False) == pytest.approx(theirs, rel=1e-9)
    assert vif(np.zeros((5, 0))).shape == (0,)


def screened(x: np.ndarray, **options: object) -> dict[str, tuple[str, str]]:
    names = [f"f{j}" for j in range(x.shape[1])]
    given = {"centred": True, "min_count": 5, "spare": 5, "rows": "pairs"} | options
    found = screen(x.astype(np.int8), names, **given)
    assert sorted(found.keep + [j for j, _, _ in found.dropped]) == list(range(x.shape[1]))
    return {names[j]: (reason, detail) for j, reason, detail in found.dropped}


def test_screen_names_constant_rare_and_collinear_columns() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, size=(200, 6))
    x[:, 1] = 1
    x[:, 2] = np.arange(200) < 3
    x[:, 4] = 1 - x[:, 0]
    x[:, 5] = x[:, 0] * 2 - x[:, 3]
    found = screened(x)
    assert {name: reason for name, (reason, _) in found.items()} == {
        "f1": "constant",
        "f2": "too_rare",
        "f4": "collinear",
        "f5": "collinear",
    }
    assert found["f1"][1] == "1 in all 200 pairs"
    assert found["f2"][1] == "varies in 3 pairs, fewer than 5"
    assert found["f4"][1] == "a combination of f0"
    assert found["f5"][1] == "a combination of f0, f3"


def test_screen_for_differences_keeps_a_constant_that_is_not_zero() -> None:
    x = np.column_stack([np.ones(50), np.zeros(50)])
    assert set(screened(x, centred=False)) == {"f1"}
    assert set(screened(x)) == {"f0", "f1"}


def test_screen_wants_rows_to_spare() -> None:
    x = np.random.default_rng(2).integers(0, 2, size=(12, 6))
    assert {reason for reason, _ in screened(x, min_count=1, spare=10).values()} == {
        "too_few_pairs"
    }
    assert screened(np.zeros((0, 2)))["f0"][0] == "too_few_pairs"
