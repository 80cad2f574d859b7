"""Verdicts of the reward models on the pairs, and the labeler's opinion γ (docs/method.md)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.paper.inputs import MISSING, Bool, Feature, Float, Int8, Options, Pairs
from engine.results.choices import OpinionRule, TiePolicy

UNLABELED = "unlabeled"  # a fourth opinion, only where a label is missing


@dataclass(frozen=True)
class Verdicts:
    """Per pair: δ̲ and δ (strict >), ties of each model, and codes into REGIMES (the regimes of
    strict δ: a tie is misaligned) and into OPINIONS + (UNLABELED,)."""

    aligned_pre: Bool
    aligned_post: Bool
    tied_pre: Bool
    tied_post: Bool
    regime: Int8
    opinion: Int8

    @property
    def tied(self) -> Bool:
        return self.tied_pre | self.tied_post


def compare(chosen: Int8, rejected: Int8, rule: OpinionRule = "lexicographic") -> Int8:
    """γ as codes 0 c, 1 i, 2 r, 3 unlabeled. chosen, rejected: int8[N,T], the targets' labels,
    most important first. Pareto: c only if better somewhere and worse nowhere; incomparable is i.
    """
    n = len(chosen)
    if chosen.shape[1] == 0:
        return np.full(n, 3, np.int8)
    sign = np.sign(chosen.astype(np.int16) - rejected.astype(np.int16)).astype(np.int8)
    code = np.ones(n, np.int8)
    if rule == "lexicographic":
        for column in sign.T[::-1]:  # the most important one has the last word
            code[column != 0] = 1 - column[column != 0]
    else:
        up, down = (sign > 0).any(axis=1), (sign < 0).any(axis=1)
        code[up & ~down] = 0
        code[down & ~up] = 2
    code[(chosen == MISSING).any(axis=1) | (rejected == MISSING).any(axis=1)] = 3
    return code


def opinion_columns(features: tuple[Feature, ...], features_named: tuple[str, ...]) -> list[int]:
    """Columns that decide γ: those wanted, or all targets if one of those is not there."""
    names = [f.name for f in features]
    if features_named and all(name in names for name in features_named):
        return [names.index(name) for name in features_named]
    return [j for j, f in enumerate(features) if f.role == "target"]


def regime_codes(aligned_pre: Bool, aligned_post: Bool) -> Int8:
    """Codes into REGIMES from δ̲ and δ."""
    code = np.where(aligned_post, np.where(aligned_pre, 0, 1), np.where(aligned_pre, 3, 2))
    return code.astype(np.int8)


def verdicts(pairs: Pairs, options: Options) -> Verdicts:
    """The verdicts on N pairs."""
    pre, post = pairs.pre, pairs.post
    columns = opinion_columns(pairs.features, options.opinion_features)
    aligned_pre, aligned_post = pre[:, 0] > pre[:, 1], post[:, 0] > post[:, 1]
    return Verdicts(
        aligned_pre=aligned_pre,
        aligned_post=aligned_post,
        tied_pre=pre[:, 0] == pre[:, 1],
        tied_post=post[:, 0] == post[:, 1],
        regime=regime_codes(aligned_pre, aligned_post),
        opinion=compare(pairs.chosen[:, columns], pairs.rejected[:, columns], options.opinion),
    )


def within_noise(margin: Float, floor: float) -> Bool:
    """Margins that differ from 0 by no more than the scorer's own noise; exact ties, which have a
    policy of their own, are not among them."""
    return np.asarray((margin != 0.0) & (np.abs(margin) <= floor), dtype=np.bool_)


def counted(v: Verdicts, policy: TiePolicy) -> Bool:
    """Pairs with a yes-or-no verdict: all, or, unless a tie counts as misaligned, those tied
    under neither model."""
    return np.ones(len(v.regime), np.bool_) if policy == "misaligned" else ~v.tied
