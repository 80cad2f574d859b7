"""What the paper draws, as counts: directions and shifts around the circle, rewards on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.paper.inputs import Float, Int
from engine.paper.shift import angle, circular_mean, direction

SECTORS = 16  # as in the paper
BINS = 120  # many divisors, so that a terminal of any size can add neighbours together
OUTSIDE_PERCENT = 0.5  # of each tail; a single far reward would push all others into one corner


@dataclass(frozen=True)
class Circle:
    """Angles counted around the circle. counts: int64[SECTORS]; sector i holds those in
    (−180 + 22.5·i, −180 + 22.5·(i + 1)] degrees. undefined: pairs with a zero vector."""

    counts: Int
    undefined: int
    mean_deg: float | None
    resultant: float | None


@dataclass(frozen=True)
class Grid:
    """Pairs by reward of the rejected (row) and of the chosen entry (column), both cut into
    equal steps from low to high. counts: int64[BINS,BINS]; outside: pairs beyond the range."""

    counts: Int
    low: float
    high: float
    outside: int


@dataclass(frozen=True)
class Plots:
    """Directions of the reward vectors, shifts between them, and the rewards themselves."""

    direction_pre: Circle
    direction_post: Circle
    theta: Circle
    rewards_pre: Grid
    rewards_post: Grid


def circle(degrees: Float) -> Circle:
    """Angles in (−180, 180], NaN where undefined, counted by sector."""
    defined = degrees[~np.isnan(degrees)]
    sector = np.ceil((defined + 180.0) / (360.0 / SECTORS)).astype(np.int64) - 1
    mean, length = circular_mean(defined)
    return Circle(
        counts=np.bincount(np.clip(sector, 0, SECTORS - 1), minlength=SECTORS).astype(np.int64),
        undefined=len(degrees) - len(defined),
        mean_deg=mean,
        resultant=length,
    )


def grid(rewards: Float) -> Grid:
    """Rewards float64[N,2] (chosen, rejected) counted on one scale for both axes: the middle
    99 % of all of them."""
    if not len(rewards):
        return Grid(np.zeros((BINS, BINS), np.int64), 0.0, 0.0, 0)
    tails = [OUTSIDE_PERCENT, 100.0 - OUTSIDE_PERCENT]
    low, high = (float(value) for value in np.percentile(rewards, tails))
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    counts, _, _ = np.histogram2d(rewards[:, 1], rewards[:, 0], bins=[edges, edges])
    inside = int(counts.sum())
    return Grid(counts.astype(np.int64), low, high, len(rewards) - inside)


def plots(pre: Float, post: Float) -> Plots:
    """Everything that is drawn, from the rewards before and after: float64[N,2] each."""
    return Plots(
        direction_pre=circle(direction(pre)),
        direction_post=circle(direction(post)),
        theta=circle(angle(pre, post)),
        rewards_pre=grid(pre),
        rewards_post=grid(post),
    )
