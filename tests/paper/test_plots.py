"""What is drawn is a count of every pair, in the place where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.paper.plots import BINS, SECTORS, circle, grid, plots
from engine.paper.shift import direction

rewards = hnp.arrays(
    np.float64, st.tuples(st.integers(0, 40), st.just(2)), elements=st.integers(-80, 80)
)


@given(rewards, st.integers(1, 5))
def test_every_pair_is_counted_once(pre: np.ndarray, turn: int) -> None:
    drawn = plots(pre, np.roll(pre, turn, axis=1) + turn)
    for one in (drawn.direction_pre, drawn.direction_post, drawn.theta):
        assert one.counts.sum() + one.undefined == len(pre)
    for plane in (drawn.rewards_pre, drawn.rewards_post):
        assert plane.counts.sum() + plane.outside == len(pre)


@given(rewards)
def test_the_aligned_half_of_the_circle_holds_the_aligned_pairs(pre: np.ndarray) -> None:
    found = circle(direction(pre))
    both_high = (pre[:, 0] == pre[:, 1]) & (pre[:, 0] > 0)  # a tie on the far end of the half
    assert found.counts[SECTORS // 2 :].sum() == (pre[:, 0] > pre[:, 1]).sum() + both_high.sum()


def test_a_tie_of_low_rewards_is_not_drawn_as_aligned() -> None:
    found = circle(direction(np.array([[-1.0, -1.0]])))
    assert found.counts[SECTORS // 2 - 1] == 1


@pytest.mark.parametrize(
    ("degrees", "sector"), [(-179.9, 0), (-157.5, 0), (-157.4, 1), (22.5, 8), (180.0, 15)]
)
def test_a_sector_ends_with_its_upper_edge(degrees: float, sector: int) -> None:
    assert circle(np.array([degrees])).counts[sector] == 1


def test_an_angle_that_is_not_defined_is_said_and_not_drawn() -> None:
    found = circle(np.array([np.nan, 10.0]))
    assert (found.undefined, found.counts.sum()) == (1, 1)
    assert found.mean_deg == pytest.approx(10.0)


def test_rows_are_rejected_rewards_and_columns_chosen_ones() -> None:
    found = grid(np.array([[2.0, -2.0], [2.0, -2.0], [-2.0, 2.0]]))
    assert found.counts[0, BINS - 1] == 2
    assert found.counts[BINS - 1, 0] == 1


def test_one_far_reward_does_not_take_the_room_of_all_others() -> None:
    near = np.random.default_rng(7).normal(size=(400, 2))
    found = grid(np.vstack([near, [[1e9, 0.0]]]))
    assert found.high < 10
    assert found.outside >= 1


def test_equal_rewards_and_none_at_all_have_a_grid() -> None:
    assert grid(np.full((3, 2), 1.5)).counts.sum() == 3
    assert grid(np.zeros((0, 2))).counts.sum() == 0
