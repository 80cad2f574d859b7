"""What goes into the measures: arrays keyed by pair, and the options.

Everything is sorted by pair inside, so the order of the rows given never matters. A label that
is not known is MISSING; a pair with one is left out of what needs it and counted as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.results.choices import (
    MIN_COSINE,
    OPINION_RULE,
    PRESET,
    TIE_POLICY,
    OpinionRule,
    Preset,
    TiePolicy,
)

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Int8 = NDArray[np.int8]
Bool = NDArray[np.bool_]

Role = Literal["target", "spoiler", "other"]
Correction = Literal["bonferroni", "holm", "bh", "none"]

SIDES: tuple[str, str] = ("chosen", "rejected")
MISSING = -128  # an int8 label that is not known
_LARGEST_ID = 2**61  # so that twice an id, and a difference of two, fit into 64 bits


@dataclass(frozen=True)
class Feature:
    """One feature τ of the taxonomy. `regress` false keeps it out of every regression."""

    name: str
    kind: Literal["bool", "sentiment"]
    role: Role
    regress: bool = True


@dataclass(frozen=True)
class Pairs:
    """N pairs with all four rewards. Columns of a two-column array: chosen, rejected.

    pair_id int64[N] unique; pre, post float64[N,2] finite; chosen, rejected int8[N,K], the main
    labeler's labels (0/1, −1/0/1, or MISSING). votes int64[N,3]: annotators for the chosen side,
    for the rejected side, for neither; none if not given. group int64[N], equal for pairs that are
    not independent; every pair alone if not given.
    """

    pair_id: Int
    pre: Float
    post: Float
    features: tuple[Feature, ...]
    chosen: Int8
    rejected: Int8
    votes: Int = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    group: Int = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        n, k = len(self.pair_id), len(self.features)
        if not len(self.votes):
            object.__setattr__(self, "votes", np.zeros((n, 3), np.int64))
        if not len(self.group):
            object.__setattr__(self, "group", np.arange(n))
        _shape("Pairs.votes", self.votes, (n, 3))
        _shape("Pairs.group", self.group, (n,))
        _shape("Pairs.pre", self.pre, (n, 2))
        _shape("Pairs.post", self.post, (n, 2))
        _shape("Pairs.chosen", self.chosen, (n, k))
        _shape("Pairs.rejected", self.rejected, (n, k))
        if not (np.isfinite(self.pre).all() and np.isfinite(self.post).all()):
            raise ValueError("Pairs: rewards must be finite")
        check_labels("Pairs.chosen", self.features, self.chosen)
        check_labels("Pairs.rejected", self.features, self.rejected)
        if not self._ascending() and len(np.unique(self.pair_id)) != n:
            raise ValueError("Pairs: pair_id must be unique")
        _small_ids("Pairs.pair_id", self.pair_id)

    def __len__(self) -> int:
        return len(self.pair_id)

    def take(self, index: NDArray[Any]) -> Pairs:
        """The pairs at `index` (positions or a mask), in that order."""
        return Pairs(
            self.pair_id[index],
            self.pre[index],
            self.post[index],
            self.features,
            self.chosen[index],
            self.rejected[index],
            self.votes[index],
            self.group[index],
        )

    def ordered(self) -> Pairs:
        """The same pairs in pair_id order."""
        if self._ascending():
            return self
        return self.take(np.argsort(self.pair_id, kind="stable"))

    def _ascending(self) -> bool:
        return bool(np.all(self.pair_id[1:] > self.pair_id[:-1]))


@dataclass(frozen=True)
class Rewrites:
    """M rewritten pairs, both sides rewritten and accepted; one row per pair and strategy.

    Labels are int8[M,K] in the order of Pairs.features (MISSING where a feature was not asked);
    rewards float64[M,2]; the pre rewards may be NaN (not scored); cosine float64[M,2] between
    original and rewritten, NaN if not known.
    """

    pair_id: Int
    strategy: Sequence[str] | NDArray[np.str_]
    original_chosen: Int8
    original_rejected: Int8
    rewritten_chosen: Int8
    rewritten_rejected: Int8
    pre_original: Float
    pre_rewritten: Float
    post_original: Float
    post_rewritten: Float
    cosine: Float

    def __post_init__(self) -> None:
        m = len(self.pair_id)
        if len(self.strategy) != m:
            raise ValueError("Rewrites.strategy: one per row")
        k = self.original_chosen.shape[1] if self.original_chosen.ndim == 2 else -1
        for name in ("original_chosen", "original_rejected", "rewritten_chosen"):
            _shape(f"Rewrites.{name}", getattr(self, name), (m, k))
        _shape("Rewrites.rewritten_rejected", self.rewritten_rejected, (m, k))
        for name in ("pre_original", "pre_rewritten", "post_original", "post_rewritten", "cosine"):
            _shape(f"Rewrites.{name}", getattr(self, name), (m, 2))
        if not (np.isfinite(self.post_original).all() and np.isfinite(self.post_rewritten).all()):
            raise ValueError("Rewrites: post rewards must be finite")
        if len(set(zip(self.pair_id.tolist(), self.strategies().tolist(), strict=True))) != m:
            raise ValueError("Rewrites: one row per pair and strategy")

    def __len__(self) -> int:
        return len(self.pair_id)

    def strategies(self) -> NDArray[np.str_]:
        """The strategy of every row, as an array."""
        return np.asarray(self.strategy, dtype=np.str_).reshape(len(self.pair_id))

    def take(self, index: NDArray[Any]) -> Rewrites:
        """The rows at `index` (positions or a mask), in that order."""
        return Rewrites(
            self.pair_id[index],
            self.strategies()[index],
            self.original_chosen[index],
            self.original_rejected[index],
            self.rewritten_chosen[index],
            self.rewritten_rejected[index],
            self.pre_original[index],
            self.pre_rewritten[index],
            self.post_original[index],
            self.post_rewritten[index],
            self.cosine[index],
        )

    def ordered(self) -> Rewrites:
        """The same rows ordered by pair, then strategy."""
        return self.take(np.lexsort((self.strategies(), self.pair_id)))

    def near(self, min_cosine: float) -> Rewrites:
        """The rows whose lesser cosine is at least `min_cosine`; an unknown one passes only 0."""
        if min_cosine <= 0.0:
            return self
        return self.take(self.cosine.min(axis=1) >= min_cosine)


def no_rewrites(features: int) -> Rewrites:
    """Rewrites with no row, for a study without a rewriter."""
    labels, two = np.zeros((0, features), np.int8), np.zeros((0, 2))
    return Rewrites(
        np.zeros(0, np.int64), (), labels, labels, labels, labels, two, two, two, two, two
    )


@dataclass(frozen=True)
class Labels:
    """One labeler's labels of L entries, keyed: pair_id int64[L], side int8[L] (0 chosen,
    1 rejected), labels int8[L,F] with one column per name in `features`. Keys are unique, in any
    order; labelers are joined by (pair_id, side), never by position."""

    name: str
    pair_id: Int
    side: Int8
    features: tuple[str, ...]
    labels: Int8

    def __post_init__(self) -> None:
        n = len(self.pair_id)
        _shape("Labels.side", self.side, (n,))
        _shape("Labels.labels", self.labels, (n, len(self.features)))
        _small_ids("Labels.pair_id", self.pair_id)
        if n and not np.isin(self.side, (0, 1)).all():
            raise ValueError("Labels.side: 0 (chosen) or 1 (rejected)")
        if len(np.unique(self.keys())) != n:
            raise ValueError(f"Labels {self.name!r}: an entry is labeled twice")

    def keys(self) -> Int:
        """One integer per entry: 2·pair_id + side."""
        return 2 * self.pair_id.astype(np.int64) + self.side.astype(np.int64)

    def of_pairs(self, pair_id: Int, names: Sequence[str]) -> tuple[Int8, Int8]:
        """The labels of the named features for both sides of these pairs, int8[N, len(names)]
        each; MISSING where this labeler did not label the entry."""
        keys = self.keys()
        order = np.argsort(keys, kind="stable")
        columns = [self.features.index(name) for name in names]
        # one row more than there are, for what is not found
        rows = np.vstack([self.labels[order][:, columns], np.full((1, len(columns)), MISSING)])
        labels = []
        for side in (0, 1):
            key = 2 * pair_id + side
            place = np.searchsorted(keys[order], key)
            there = np.append(keys[order], np.iinfo(np.int64).min)[place] == key
            labels.append(rows[np.where(there, place, len(keys))].astype(np.int8))
        return labels[0], labels[1]


@dataclass(frozen=True)
class Options:
    """Choices the paper leaves open, each with a default.

    preset: the one a reader sees first (every preset is computed). tie_policy: docs/method.md.
    opinion: how γ compares, over the features `opinion_features`, most important first; if
    one of them is not in the taxonomy, over all targets in the taxonomy's order. min_cosine: a
    rewritten pair counts only if the lesser cosine of its two sides is at least this; 0 keeps
    all. min_count: a feature that takes its rarer value in fewer pairs is left out as too rare.
    small_norm: a reward vector is small if shorter than this share of the median length.
    noise_floor: rewards closer than this, but not equal, are noise-limited, per model (pre,
    post). temperature: of σ(margin/T) in the
    ambiguity score; None is the median absolute margin. held_out: the share of pairs that post-D
    orders as the human did when it is trained without them; None if it was not trained here.
    """

    preset: Preset = PRESET
    tie_policy: TiePolicy = TIE_POLICY
    opinion: OpinionRule = OPINION_RULE
    min_cosine: float = MIN_COSINE
    seed: int = 7
    bootstrap: int = 500
    model_pre: str = "pre"
    model_post: str = "post"
    opinion_features: tuple[str, ...] = ("harmless", "helpful")
    min_count: int = 10
    small_norm: float = 0.05
    noise_floor: tuple[float, float] = (0.0, 0.0)
    temperature: float | None = None
    held_out: float | None = None


def check_labels(name: str, features: Sequence[Feature], labels: Int8) -> None:
    """Raise ValueError unless int8[n,K] holds 0/1 (bool), −1/0/1 (sentiment), or MISSING."""
    for j, feature in enumerate(features):
        column = labels[:, j]
        low = 0 if feature.kind == "bool" else -1
        wrong = ((column < low) | (column > 1)) & (column != MISSING)
        if wrong.any():
            raise ValueError(f"{name}: {feature.name} has a label {column[wrong][0]}")


def _small_ids(name: str, ids: Int) -> None:
    if np.any((ids > _LARGEST_ID) | (ids < -_LARGEST_ID)):
        raise ValueError(f"{name}: beyond ±2^61")


def _shape(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name}: shape {array.shape}, expected {shape}")
