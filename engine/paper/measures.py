"""The one entry the engine calls: all measures of a study from arrays.

Pure and deterministic: the same rows in any order give the same bits (at a fixed number of BLAS
threads). Cost without bootstrap O(N K²).
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import paper
from engine.paper import ambiguity
from engine.paper.given import Given, Measure
from engine.paper.influence import influence
from engine.paper.inputs import (
    Bool,
    Float,
    Int,
    Labels,
    Options,
    Pairs,
    Rewrites,
    check_labels,
    no_rewrites,
)
from engine.paper.verdicts import UNLABELED, within_noise
from engine.paper.votes import vote_agreement, vote_codes
from engine.results import flat
from engine.results.records import OPINIONS, REGIMES, VOTES, Tables

DROPPED = "dropped"  # the table that every measure adds to


@dataclass(frozen=True)
class PairFacts:
    """What is stored and browsed per pair, in pair_id order; arrays of length N.

    regime: stayed, got, resisted, reversed, by strict comparison (a tie is misaligned; see the
    tied flags). opinion: c, i, r, or unlabeled. Angles in degrees, NaN where a reward vector is
    zero. noise_limited: the post margin is within the noise floor, but no exact tie. ambiguity =
    unsure + disagree, bits. votes: of VOTES; vote_agreement: the share of the commonest answer, NaN
    without votes. residual float64[N] and influence float64[N, features]: see
    `engine.paper.influence`.
    """

    pair_id: Int
    regime: NDArray[np.str_]
    opinion: NDArray[np.str_]
    aligned_pre: Bool
    aligned_post: Bool
    tied_pre: Bool
    tied_post: Bool
    direction_pre: Float
    direction_post: Float
    theta: Float
    gain: Float
    margin_pre: Float
    margin_post: Float
    margin_change: Float
    norm_pre: Float
    norm_post: Float
    small_norm: Bool
    noise_limited: Bool
    ambiguity: Float
    ambiguity_unsure: Float
    ambiguity_disagree: Float
    votes: NDArray[np.str_]
    vote_agreement: Float
    residual: Float
    influence: Float


@cache
def measures() -> dict[str, Measure[Any]]:
    """The measure of every table but `dropped`, in the tables' order: whatever a module of this
    package marks with `@measure`. Raises TypeError for a table with none or two, and for a
    measure without a table."""
    by_table: dict[str, Measure[Any]] = {}
    for module in pkgutil.iter_modules(paper.__path__):
        for value in vars(import_module(f"{paper.__name__}.{module.name}")).values():
            if isinstance(value, Measure) and by_table.setdefault(value.table, value) is not value:
                raise TypeError(f"two measures of the table {value.table}")
    tables = [name for name in flat.records() if name != DROPPED]
    if set(by_table) != set(tables):
        raise TypeError(f"tables and measures differ in {sorted(set(by_table) ^ set(tables))}")
    return {name: by_table[name] for name in tables}


def compute(
    pairs: Pairs,
    rewrites: Rewrites | None,
    labelers: Sequence[Labels],
    options: Options,
) -> Tables:
    """All measures. labelers: every labeler whose stability is wanted, the main one first;
    fewer than two give empty tables. Raises ValueError for rewards that are not finite, ids or
    labels given twice, or arrays of the wrong shape; never for too little data."""
    given = _given(pairs, rewrites, labelers, options)
    _check_rewrites(given.every_rewrite, given.pairs)
    results = {name: one.compute(given) for name, one in measures().items()}
    tables: dict[str, Any] = {name: tuple(one.rows) for name, one in results.items()}
    tables[DROPPED] = tuple(row for one in results.values() for row in one.dropped)
    return Tables(**tables)


def _given(
    pairs: Pairs, rewrites: Rewrites | None, labelers: Sequence[Labels], options: Options
) -> Given:
    rewrites = no_rewrites(len(pairs.features)) if rewrites is None else rewrites.ordered()
    return Given(pairs.ordered(), rewrites, labelers, options)


def pair_facts(pairs: Pairs, labelers: Sequence[Labels], options: Options) -> PairFacts:
    """The facts of every pair, in pair_id order; `labelers` as for `compute`."""
    given = _given(pairs, None, labelers, options)
    pairs, v, s, a = given.pairs, given.verdicts, given.shift, ambiguity.of_pairs(given)
    single = influence(pairs, options)
    return PairFacts(
        pair_id=pairs.pair_id,
        regime=np.array(REGIMES)[v.regime],
        opinion=np.array([*OPINIONS, UNLABELED])[v.opinion],
        aligned_pre=v.aligned_pre,
        aligned_post=v.aligned_post,
        tied_pre=v.tied_pre,
        tied_post=v.tied_post,
        direction_pre=s.direction_pre,
        direction_post=s.direction_post,
        theta=s.theta,
        gain=s.gain,
        margin_pre=s.margin_pre,
        margin_post=s.margin_post,
        margin_change=s.margin_change,
        norm_pre=s.norm_pre,
        norm_post=s.norm_post,
        small_norm=s.small_norm,
        noise_limited=within_noise(s.margin_post, options.noise_floor[1]),
        ambiguity=a.score,
        ambiguity_unsure=a.unsure,
        ambiguity_disagree=a.disagree,
        votes=np.array(VOTES)[vote_codes(pairs.votes)],
        vote_agreement=vote_agreement(pairs.votes),
        residual=single.residual,
        influence=single.influence,
    )


def _check_rewrites(rewrites: Rewrites, pairs: Pairs) -> None:
    for name in ("original_chosen", "original_rejected", "rewritten_chosen", "rewritten_rejected"):
        labels = getattr(rewrites, name)
        if labels.shape[1] != len(pairs.features):
            raise ValueError(f"Rewrites.{name}: one column per feature of Pairs")
        check_labels(f"Rewrites.{name}", pairs.features, labels)
