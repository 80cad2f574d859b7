"""Residuals and the influence of single pairs, against fits that leave the pair out."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from engine.paper.influence import influence
from engine.paper.inputs import MISSING, Feature, Options, Pairs

N, NAMES = 60, ("harmless", "helpful", "eloquent", "constant")


def pairs(missing: bool = False) -> Pairs:
    dice = np.random.default_rng(3)
    chosen, rejected = (dice.integers(0, 2, (N, len(NAMES))).astype(np.int8) for _ in range(2))
    chosen[:, 3] = rejected[:, 3] = 1
    if missing:
        chosen[5, 0] = MISSING
    rewards = dice.normal(size=(N, 2)) + np.stack([chosen[:, 0], rejected[:, 0]], axis=1)
    features = tuple(Feature(name, "bool", "other") for name in NAMES)
    return Pairs(np.arange(N), rewards, rewards, features, chosen, rejected)


def test_the_influence_is_how_far_a_coefficient_moves_without_the_pair() -> None:
    planted = pairs()
    x = (planted.chosen - planted.rejected)[:, :3].astype(float)
    y = planted.post[:, 0] - planted.post[:, 1]
    whole = sm.OLS(y, x).fit()
    found = influence(planted, Options())
    assert found.residual == pytest.approx(whole.resid)
    for i in range(N):
        without = sm.OLS(np.delete(y, i), np.delete(x, i, axis=0)).fit()
        assert found.influence[i, :3] == pytest.approx(whole.params - without.params)


def test_a_feature_that_is_left_out_moves_nothing_and_an_unlabeled_pair_has_no_residual() -> None:
    found = influence(pairs(missing=True), Options())
    assert np.isnan(found.influence[:, 3]).all()
    assert np.isnan(found.residual[5]) and np.isnan(found.influence[5]).all()
    assert np.isfinite(np.delete(found.residual, 5)).all()
