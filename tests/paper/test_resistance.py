"""Ties, regimes and opinions (docs/method.md)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.paper.inputs import MISSING, Feature, Options, Pairs
from engine.paper.measures import compute
from engine.paper.resistance import alignment_row, regime_rows
from engine.paper.verdicts import compare, opinion_columns, verdicts
from engine.results.choices import TiePolicy

HH = (Feature("harmless", "bool", "target"), Feature("helpful", "bool", "target"))
rewards = hnp.arrays(
    np.float64, st.tuples(st.integers(0, 30), st.just(4)), elements=st.integers(-2, 2).map(float)
)


def pairs_of(rows: np.ndarray) -> Pairs:
    n = len(rows)
    labels = (np.arange(4 * n).reshape(n, 4) * 7 % 3 == 0).astype(np.int8)
    return Pairs(np.arange(n), rows[:, :2], rows[:, 2:], HH, labels[:, :2], labels[:, 2:])


@settings(max_examples=80, deadline=None)
@given(rewards, st.sampled_from(["misaligned", "half", "exclude", "separate"]))
def test_regimes_sum_to_the_pairs_with_a_verdict(rows: np.ndarray, policy: TiePolicy) -> None:
    pairs = pairs_of(rows)
    v = verdicts(pairs, Options())
    total = sum(row.n for row in regime_rows(v, policy))
    assert total == len(rows) - (int(v.tied.sum()) if policy == "exclude" else 0)


@settings(max_examples=80, deadline=None)
@given(rewards)
def test_ties_move_resistance_by_exactly_their_share(rows: np.ndarray) -> None:
    post = rows[:, 2:]
    n, ties = len(post), int(np.sum(post[:, 0] == post[:, 1]))
    got = {
        policy: alignment_row("m", "post", post, policy)
        for policy in ("misaligned", "half", "exclude", "separate")
    }
    assert {row.ties for row in got.values()} == {ties}
    if n == 0:
        assert all(row.resistance is None for row in got.values())
        return
    base = got["misaligned"].resistance
    assert got["half"].resistance == pytest.approx(base - ties / n / 2, abs=1e-12)
    assert got["separate"].resistance == pytest.approx(base - ties / n, abs=1e-12)
    assert got["separate"].alignment == got["misaligned"].alignment
    if ties < n:
        expected = (base * n - ties) / (n - ties)
        assert got["exclude"].resistance == pytest.approx(expected, abs=1e-12)
    else:
        assert got["exclude"].n == 0
        assert got["exclude"].alignment is None


@pytest.mark.parametrize(
    ("pre", "post", "regime"),
    [
        ((2, 1), (2, 1), "stayed"),
        ((1, 2), (2, 1), "got"),
        ((1, 2), (1, 2), "resisted"),
        ((2, 1), (1, 2), "reversed"),
        ((1, 1), (2, 1), "got"),
        ((2, 1), (1, 1), "reversed"),
        ((1, 1), (1, 1), "resisted"),
    ],
)
def test_a_tie_is_not_aligned(pre: tuple, post: tuple, regime: str) -> None:
    pairs = pairs_of(np.array([[*pre, *post]], float))
    for policy in ("misaligned", "half"):
        rows = regime_rows(verdicts(pairs, Options()), policy)
        assert [row.regime for row in rows if row.n] == [regime]


def test_published_tie_sensitivity_of_resistance() -> None:
    n, bad, ties = 160_800, 41_709, 757
    margin = np.concatenate([np.ones(n - bad), np.zeros(ties), -np.ones(bad - ties)])
    post = np.column_stack([margin, np.zeros(n)])
    percent = {
        policy: 100 * alignment_row("m", "post", post, policy).resistance
        for policy in ("misaligned", "separate", "exclude")
    }
    assert percent["misaligned"] == pytest.approx(25.94, abs=0.005)
    assert percent["separate"] == pytest.approx(25.47, abs=0.005)
    assert percent["exclude"] == pytest.approx(25.59, abs=0.005)


def test_the_separate_policy_shows_a_fifth_regime() -> None:
    pairs = pairs_of(np.array([[1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 1, 1]], float))
    rows = compute(pairs, None, (), Options(tie_policy="separate"))
    tied = sum(row.n for row in rows.regimes if row.regime == "tied")
    assert tied == 2
    assert {row.group for row in rows.shifts} >= {"tied", "tied/c", "stayed/i"}


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.int8, (25, 4), elements=st.integers(0, 1)))
def test_opinion_is_mirrored_by_swapping_sides(labels: np.ndarray) -> None:
    for rule in ("lexicographic", "pareto"):
        one = compare(labels[:, :2], labels[:, 2:], rule)
        other = compare(labels[:, 2:], labels[:, :2], rule)
        assert np.array_equal(one.astype(int), 2 - other.astype(int))


def test_lexicographic_and_pareto_differ_only_where_targets_contradict() -> None:
    chosen = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.int8)
    rejected = np.array([[0, 1], [1, 0], [1, 0], [0, 0]], np.int8)
    assert compare(chosen, rejected).tolist() == [0, 2, 0, 1]
    assert compare(chosen, rejected, "pareto").tolist() == [1, 1, 0, 1]


def test_a_missing_label_is_no_opinion_and_gets_its_own_row() -> None:
    features = HH
    chosen = np.array([[1, MISSING], [1, 1], [0, 1]], np.int8)
    rejected = np.array([[1, 0], [0, 1], [1, 1]], np.int8)
    two = np.array([[1.0, 0.0]] * 3)
    pairs = Pairs(np.arange(3), two, two, features, chosen, rejected)
    found = compute(pairs, None, (), Options())
    assert {row.opinion: row.n for row in found.opinions} == {
        "c": 1,
        "i": 0,
        "r": 1,
        "unlabeled": 1,
    }
    assert sum(row.n for row in found.regimes) == 3
    assert any(d.reason == "unlabeled_pairs" for d in found.dropped)


def test_a_taxonomy_with_other_targets_uses_them_in_order() -> None:
    features = (Feature("x", "bool", "other"), Feature("kind", "bool", "target"))
    assert opinion_columns(features, Options().opinion_features) == [1]
    assert opinion_columns(features[:1], Options().opinion_features) == []


def test_no_target_means_no_opinion_and_says_so() -> None:
    labels = np.zeros((3, 1), np.int8)
    two = np.array([[1.0, 0.0]] * 3)
    pairs = Pairs(np.arange(3), two, two, (Feature("x", "bool", "other"),), labels, labels)
    found = compute(pairs, None, (), Options())
    assert any(d.reason == "no_targets" for d in found.dropped)
    assert next(r.n for r in found.opinions if r.opinion == "unlabeled") == 3
