"""Rewritten pairs."""

from __future__ import annotations

from typing import Literal

from engine.wire.messages.base import Message, Request
from engine.wire.messages.pairs import Turn

RewriteSort = Literal["pair_id", "cosine", "margin_shift"]
LeftOut = Literal["low_cosine", "no_labels"]
Change = Literal["misaligned", "aligned", "same"]


class RewriteQuery(Request, frozen=True, kw_only=True):
    """Which rewritten pairs, in which order; `filter` as in PairQuery, with terms of its own."""

    filter: str = ""
    sort: RewriteSort = "margin_shift"
    descending: bool = False


class RewriteRowsRequest(Request, frozen=True, kw_only=True):
    ids: tuple[int, ...]


class RewriteRequest(Request, frozen=True, kw_only=True):
    id: int


class RewriteRow(Message, frozen=True, kw_only=True):
    """A line of the rewrite list: one pair rewritten by one strategy, both sides. `change` is what
    became of the verdict after training; `flips` counts the labels that changed. `left_out`: why
    no score counts it: a cosine below the study's `min_cosine`, or missing labels."""

    rewrite_id: int
    pair_id: int
    source_id: str
    strategy: str
    change: Change
    cosine_chosen: float
    cosine_rejected: float
    margin_before: float
    margin_after: float
    flips: int
    preview: str
    left_out: LeftOut | None = None


class RewriteSide(Message, frozen=True, kw_only=True):
    """Original beside rewritten. Rewards and labels before and after; `cosine` of the responses."""

    original: str
    rewritten: str
    cosine: float
    labels_before: dict[str, int]
    labels_after: dict[str, int]
    pre_before: float
    pre_after: float
    post_before: float
    post_after: float


class RewriteDetail(Message, frozen=True, kw_only=True):
    row: RewriteRow
    context: tuple[Turn, ...]
    chosen: RewriteSide
    rejected: RewriteSide
