"""Directions, shifts, gain, and their identities (docs/method.md)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.paper.inputs import Feature, Options, Pairs
from engine.paper.measures import pair_facts
from engine.paper.shift import (
    angle,
    circular_mean,
    direction,
    misdirection,
    shift_row,
    shifts,
    wrap,
)
from engine.paper.verdicts import verdicts

# eighths: adding an integer to them is exact, so it makes and breaks no tie
eighths = st.integers(-400, 400).map(lambda k: k / 8)
vectors = hnp.arrays(np.float64, st.tuples(st.integers(0, 12), st.just(4)), elements=eighths)


def pairs_of(rows: np.ndarray) -> Pairs:
    n = len(rows)
    none = np.zeros((n, 0), np.int8)
    return Pairs(np.arange(n), rows[:, :2], rows[:, 2:], (), none, none)


@settings(max_examples=100, deadline=None)
@given(vectors)
def test_shift_is_the_wrapped_difference_of_directions(rows: np.ndarray) -> None:
    s = shifts(pairs_of(rows))
    off = wrap(s.direction_post - s.direction_pre) - s.theta
    off = np.abs(wrap(off[~np.isnan(off)]))
    assert np.all(off < 1e-9)
    theta = s.theta[~np.isnan(s.theta)]
    assert np.all((theta > -180.0) & (theta <= 180.0))
    zero = ~rows[:, :2].any(axis=1) | ~rows[:, 2:].any(axis=1)
    assert np.array_equal(np.isnan(s.theta), zero)


@settings(max_examples=100, deadline=None)
@given(vectors)
def test_direction_says_aligned_exactly_where_chosen_is_higher(rows: np.ndarray) -> None:
    w = rows[:, :2]
    d = direction(w)
    known = ~np.isnan(d)
    assert np.array_equal(((d > 0) & (d < 180))[known], (w[:, 0] > w[:, 1])[known])
    cosine = (w[:, 0] - w[:, 1]) / math.sqrt(2) / np.maximum(np.hypot(w[:, 0], w[:, 1]), 1e-300)
    assert np.allclose(np.sin(np.radians(d[known])), cosine[known], atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(vectors)
def test_swapping_the_sides_mirrors_every_angle(rows: np.ndarray) -> None:
    one, other = shifts(pairs_of(rows)), shifts(pairs_of(rows[:, [1, 0, 3, 2]]))
    half = one.theta == 180.0
    assert np.array_equal(other.theta[~half], -one.theta[~half], equal_nan=True)
    assert np.all(other.theta[half] == 180.0)
    assert np.array_equal(other.margin_change, -one.margin_change)
    assert np.allclose(other.gain, -one.gain, atol=1e-9, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(vectors, st.integers(1, 50))
def test_a_constant_added_to_all_rewards_leaves_verdicts_and_margins(
    rows: np.ndarray, constant: int
) -> None:
    one, other = pairs_of(rows), pairs_of(rows + constant)
    v, w = verdicts(one, Options()), verdicts(other, Options())
    assert np.array_equal(v.regime, w.regime)
    assert np.array_equal(v.tied_post, w.tied_post)
    assert np.array_equal(shifts(one).margin_change, shifts(other).margin_change)


def test_a_constant_added_to_all_rewards_changes_the_shift() -> None:
    rows = np.array([[-2.0, -1.0, -1.0, -2.0]])
    assert shifts(pairs_of(rows)).theta[0] > 0 > shifts(pairs_of(rows + 3)).theta[0]


def test_gain_is_positive_for_every_worked_example_that_got_aligned() -> None:
    rows = np.array([[1, 2, 2, 1], [-2, -1, -1, -2], [-1, 2, 2, -1]], float)
    s = shifts(pairs_of(rows))
    assert np.all(s.gain > 0)
    assert np.all(s.margin_change > 0)
    assert misdirection(np.array([[1.0, -1.0], [-1.0, 1.0]])) == pytest.approx([0, 180])


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_angles_hold_at_any_scale(size: float) -> None:
    found = angle(np.array([[1.0, 2.0]]) * size, np.array([[2.0, 1.0]]) * size)
    assert found[0] == pytest.approx(-36.86989764584402, abs=1e-12)


def test_a_half_turn_is_plus_180_whatever_the_sign_of_zero() -> None:
    turns = angle(np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [-1.0, -0.0]]))
    assert turns.tolist() == [180.0, 180.0]
    assert str(angle(np.array([[-1.0, 0.0]]), np.array([[-2.0, 0.0]]))[0]) == "0.0"


def test_wrap_keeps_the_half_open_interval() -> None:
    wrapped = wrap(np.array([0.0, 180.0, -180.0, 181.0, 540.0, -190.0]))
    assert wrapped == pytest.approx([0, 180, 180, -179, 180, 170])


def test_circular_mean_is_not_fooled_by_the_wrap() -> None:
    mean, length = circular_mean(np.array([179.0, -179.0]))
    assert mean == pytest.approx(180.0)
    assert length == pytest.approx(math.cos(math.radians(1)))
    assert circular_mean(np.array([90.0, -90.0])) == (None, 0.0)
    assert circular_mean(np.zeros(0)) == (None, None)


def test_row_counts_undefined_shifts_and_leaves_them_out() -> None:
    rows = np.array([[1, 2, 2, 1], [0, 0, 1, 2], [1, 2, 0, 0], [-2, -1, -1, -2]], float)
    row = shift_row("all", shifts(pairs_of(rows)), np.ones(4, bool))
    assert (row.n, row.undefined) == (2, 2)
    assert row.mean_deg == pytest.approx(0.0, abs=1e-12)
    assert row.sign_m == 0.0
    assert row.sign_p == 1.0
    assert row.small_norms == 2


def test_small_norms_and_noise_are_flagged_per_pair() -> None:
    rows = np.array([[5, 4, 4, 5], [6, 5, 5, 5], [0.01, 0.02, 5, 4], [5, 4, 4.001, 4]], float)
    facts = pair_facts(pairs_of(rows), (), Options(noise_floor=(0.0, 0.01)))
    assert facts.small_norm.tolist() == [False, False, True, False]
    assert facts.noise_limited.tolist() == [False, False, False, True]
    assert set(facts.opinion.tolist()) == {"unlabeled"}


def test_tables_show_a_row_for_an_empty_group() -> None:
    none = np.zeros((0, 1), np.int8)
    two = np.zeros((0, 2))
    pairs = Pairs(np.zeros(0, np.int64), two, two, (Feature("a", "bool", "target"),), none, none)
    row = shift_row("all", shifts(pairs), np.zeros(0, bool))
    assert (row.n, row.mean_deg, row.t_p, row.circular_mean_deg) == (0, None, None, None)


def test_the_shift_of_z_scored_rewards_knows_no_zero_and_no_unit() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 4)) * [1, 1, 3, 3] + [0, 0, 5, 5]
    moved = rows * [2, 2, 7, 7] + [100, 100, -40, -40]
    one, other = shifts(pairs_of(rows)), shifts(pairs_of(moved))
    assert one.theta_z == pytest.approx(other.theta_z, abs=1e-6)
    assert not np.allclose(one.theta, other.theta, atol=1.0)
    z = [
        (rows[:, k : k + 2] - rows[:, k : k + 2].mean()) / rows[:, k : k + 2].std() for k in (0, 2)
    ]
    assert one.theta_z == pytest.approx(angle(*z), abs=1e-9)
    flat = shifts(pairs_of(np.ones((3, 4))))
    assert np.isnan(flat.theta_z).all()
    row = shift_row("all", one, np.ones(50, bool))
    assert row.z_mean_deg == pytest.approx(np.mean(one.theta_z))
    assert shift_row("all", flat, np.ones(3, bool)).z_mean_deg is None
