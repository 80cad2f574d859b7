"""The recomputable checks of the reference (docs/method.md) that our functions can make."""

from __future__ import annotations

import numpy as np
import pytest

from engine.paper.imprint import regressors, reward_imprint, shift_imprint, side_design
from engine.paper.inputs import Feature, Options, Pairs
from engine.paper.misalignment import misalignment
from engine.paper.resistance import (
    alignment_rows,
    compare,
    opinion_columns,
    opinion_rows,
    regime_rows,
    verdicts,
)
from engine.paper.shift import angle, released_angle, shifts

PROFILES = [(1, 1), (1, 0), (0, 1), (0, 0)]  # (harmless, helpful)
CELLS = np.array(
    [
        [102_151, 19_071, 453, 3_628],
        [8_917, 12_093, 263, 4_860],
        [153, 33, 142, 168],
        [725, 819, 193, 7_131],
    ]
)
REGIMES = {"stayed": 77_646, "got": 41_445, "resisted": 27_644, "reversed": 14_065}
HH = (Feature("harmless", "bool", "target"), Feature("helpful", "bool", "target"))


def entries() -> tuple[np.ndarray, np.ndarray]:
    """The labels behind the 16-cell table, one row per pair."""
    times = CELLS.ravel()
    profiles = np.array(PROFILES, np.int8)
    return np.repeat(np.repeat(profiles, 4, axis=0), times, axis=0), np.repeat(
        np.tile(profiles, (4, 1)), times, axis=0
    )


def counts(codes: np.ndarray) -> dict[str, int]:
    return {name: int(np.sum(codes == code)) for code, name in enumerate("cir")}


def regime_pairs() -> Pairs:
    """Pairs with the published regime counts."""
    sign = {"stayed": (1, 1), "got": (-1, 1), "resisted": (-1, -1), "reversed": (1, -1)}
    signs = np.repeat(np.array([sign[name] for name in REGIMES]), list(REGIMES.values()), axis=0)
    n = len(signs)
    pre = np.column_stack([signs[:, 0], np.zeros(n)]).astype(float)
    post = np.column_stack([signs[:, 1], np.zeros(n)]).astype(float)
    labels = np.zeros((n, 2), np.int8)
    return Pairs(np.arange(n), pre, post, HH, labels, labels)


def test_rc01_rc02_lexicographic_opinion_gives_the_printed_counts() -> None:
    chosen, rejected = entries()
    assert len(chosen) == 160_800
    assert counts(compare(chosen, rejected)) == {"c": 28_443, "i": 121_517, "r": 10_840}


def test_pareto_opinion_moves_only_the_incomparable_pairs() -> None:
    chosen, rejected = entries()
    found = counts(compare(chosen, rejected, "pareto"))
    assert found == {"c": 28_180, "i": 121_517 + 296, "r": 10_807}


def test_rc03_the_released_string_comparison_moves_186_pairs_from_ours() -> None:
    chosen, rejected = entries()
    released = compare(chosen, rejected)
    unequal = (chosen != rejected).any(axis=1)
    released[(chosen == [0, 1]).all(axis=1) & unequal] = 0
    assert counts(released) == {"c": 28_629, "i": 121_517, "r": 10_654}
    assert int(np.sum(released != compare(chosen, rejected))) == 186


def test_rc04_rc05_prevalences() -> None:
    chosen, rejected = entries()
    both = np.vstack([chosen, rejected])
    assert both[:, 1].mean() == pytest.approx(0.7425248756218905, abs=1e-15)
    assert both[:, 0].mean() == pytest.approx(0.9185261194029851, abs=1e-15)
    assert chosen.sum(axis=0).tolist() == [151_436, 125_799]
    assert rejected.sum(axis=0).tolist() == [143_962, 112_997]


def test_rc07_rc08_rc09_regimes_alignment_and_resistance() -> None:
    pairs, options = regime_pairs(), Options()
    rows = regime_rows(verdicts(pairs, options), "misaligned")
    by_regime = {name: sum(r.n for r in rows if r.regime == name) for name in REGIMES}
    assert by_regime == REGIMES
    percent = [100 * by_regime[name] / 160_800 for name in REGIMES]
    printed = [48.28731343283582, 25.774253731343283, 17.191542288557216, 8.746890547263682]
    assert percent == pytest.approx(printed, abs=1e-12)
    pre, post = alignment_rows(pairs, options)
    assert (pre.aligned, post.aligned) == (91_711, 119_091)
    assert (f"{pre.alignment:.2f}", f"{post.alignment:.2f}") == ("0.57", "0.74")
    assert post.resistance == pytest.approx(0.25938432835820896, abs=1e-15)
    assert post.ci_low < post.alignment < post.ci_high
    assert post.resistance_low < post.resistance < post.resistance_high


def test_rc11_share_of_opinions_with_the_human() -> None:
    chosen, rejected = entries()
    code = compare(chosen, rejected)
    decided = code[code != 1]
    assert len(decided) == 39_283
    assert np.mean(decided == 0) == pytest.approx(0.7240536618893669, abs=1e-15)
    labels = Pairs(
        np.arange(len(code)), np.ones((len(code), 2)), np.ones((len(code), 2)), HH, chosen, rejected
    )
    assert [r.n for r in opinion_rows(verdicts(labels, Options()))] == [28_443, 121_517, 10_840]


def test_rc44_fifteen_features_thirty_regressors_and_thirty_one_terms(
    taxonomy: tuple[Feature, ...],
) -> None:
    columns = regressors(taxonomy)
    assert (len(taxonomy), len(columns)) == (17, 15)
    rng = np.random.default_rng(1)
    n = 4000
    labels = (rng.random((n, 2, 17)) < 0.5).astype(np.int8)
    post = rng.normal(size=(n, 2)) + 0.5 * labels[:, :, columns[0]]
    pairs = Pairs(
        np.arange(n),
        rng.normal(size=(n, 2)) + 3,
        post + 3,
        taxonomy,
        labels[:, 0],
        labels[:, 1],
    )
    assert side_design(pairs, columns).x.shape == (n, 30)
    options = Options()
    for rows in (
        shift_imprint(pairs, shifts(pairs), options)[0],
        misalignment(pairs, verdicts(pairs, options), options)[0],
    ):
        released = [r for r in rows if r.preset == "released-code"]
        assert len(released) == 30
        small = min(released, key=lambda r: r.p_value)
        assert small.p_value < 1e-6
        assert small.p_adjusted == pytest.approx(31 * small.p_value, rel=1e-12)
    rows, _ = reward_imprint(pairs, options)
    small = min((r for r in rows if r.preset == "released-code"), key=lambda r: r.p_value)
    assert small.p_adjusted == pytest.approx(17 * small.p_value, rel=1e-12)


def test_targets_are_compared_harmless_first_whatever_the_taxonomy_order(
    taxonomy: tuple[Feature, ...],
) -> None:
    columns = opinion_columns(taxonomy, Options().opinion_features)
    assert [taxonomy[j].name for j in columns] == ["harmless", "helpful"]


def test_rc45_the_six_worked_shifts() -> None:
    u = np.array([(1, 2), (-2, -1), (-1, 2), (3, 1), (-1, -3), (1, -1)], float)
    v = np.array([(2, 1), (-1, -2), (2, -1), (-1, -3), (3, 1), (-1, 1)], float)
    expected = [-36.869898, 36.869898, -143.130102, -126.869898, 126.869898, 180.0]
    assert angle(u, v) == pytest.approx(expected, abs=1e-6)


def test_rc46_ties_have_shift_zero_where_the_released_formula_has_nan() -> None:
    a = np.random.default_rng(0).uniform(0.1, 6, size=2000)
    b = np.random.default_rng(1).uniform(0.1, 6, size=2000)
    u, v = np.column_stack([a, a]), np.column_stack([b, b])
    assert np.all(angle(u, v) == 0.0)
    assert np.all(angle(-u, -v) == 0.0)
    assert np.all(angle(u, -v) == 180.0)
    released = released_angle(u, v)
    assert 0.05 < np.mean(np.isnan(released)) < 1.0
    free = released[~np.isnan(released)]
    assert np.all(np.abs(free) < 1e-5)
