"""Metric tables, plots, and rows left out."""

from __future__ import annotations

from engine.results.records import Tables
from engine.wire.messages.base import Message, Request


class MetricsRequest(Request, frozen=True, kw_only=True):
    """`preset` is released-code, pooled-clustered or pair-fe; without it the rows of all come."""

    preset: str | None = None


class Metrics(Message, frozen=True, kw_only=True):
    """`tables`: name of a metric table → its rows (docs/method.md); the keys of a coefficient stand
    in an object of their own, `coefficient`. `preset` is the one asked for, else the study's."""

    preset: str
    tables: Tables


class RejectRow(Message, frozen=True, kw_only=True):
    """A row of the source that could not be used. `reason` is a key, `meaning` says it in words,
    `excerpt` is the beginning of the row."""

    source: str
    line: int
    reason: str
    meaning: str
    detail: str
    excerpt: str


class Rejects(Message, frozen=True, kw_only=True):
    """The first rows left out, in the order of the source, and how many there are in all."""

    rows: tuple[RejectRow, ...]
    of: int


class Circle(Message, frozen=True, kw_only=True):
    """Angles by sector; the sectors are equal, begin at −180° and go counter-clockwise."""

    counts: tuple[int, ...]
    undefined: int
    mean_deg: float | None
    resultant: float | None


class Grid(Message, frozen=True, kw_only=True):
    """Pairs by reward. `counts[y][x]`: x is the step of the chosen entry's reward, y of the
    rejected one's, both from `low` to `high`; `outside` pairs lie beyond."""

    counts: tuple[tuple[int, ...], ...]
    low: float
    high: float
    outside: int


class Plots(Message, frozen=True, kw_only=True):
    """Directions of the reward vectors (0° is both rewards equal and low; 0° to 180° is aligned),
    their shifts θ, and the rewards before and after training."""

    direction_pre: Circle
    direction_post: Circle
    theta: Circle
    rewards_pre: Grid
    rewards_post: Grid
