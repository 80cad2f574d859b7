"""Alignment, ties, regimes, and the labeler's opinion γ (docs/method.md)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.paper.inference import wilson
from engine.paper.inputs import (
    MISSING,
    Bool,
    Feature,
    Float,
    Int8,
    OpinionRule,
    Options,
    Pairs,
    TiePolicy,
)
from engine.paper.records import AlignmentRow, OpinionRow, RegimeRow, ShiftRow
from engine.paper.shift import Shift, shift_row

REGIMES = ("stayed", "got", "resisted", "reversed")
TIED = "tied"  # a fifth regime, only with the tie policy `separate`
OPINIONS = ("c", "i", "r")
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


def opinion_columns(features: tuple[Feature, ...], wanted: tuple[str, ...]) -> list[int]:
    """Columns that decide γ: those wanted, or all targets if one of those is not there."""
    names = [f.name for f in features]
    if wanted and all(name in names for name in wanted):
        return [names.index(name) for name in wanted]
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


def alignment_row(
    model: str, role: str, rewards: Float, policy: TiePolicy, noise_floor: float = 0.0
) -> AlignmentRow:
    """Alignment of one model on float64[N,2] rewards.

    misaligned (SEAL): a tie is not aligned. half: a tie is half aligned. exclude: ties leave n.
    separate: ties stay in n and are neither, so alignment + resistance + ties/n = 1.
    """
    margin = rewards[:, 0] - rewards[:, 1]
    aligned, ties = int(np.sum(margin > 0)), int(np.sum(rewards[:, 0] == rewards[:, 1]))
    # margin > 0 and chosen > rejected are the same for doubles (gradual underflow)
    n = len(rewards) - (ties if policy == "exclude" else 0)
    good = aligned + (0.5 * ties if policy == "half" else 0.0)
    bad = n - good - (ties if policy == "separate" else 0.0)
    low, high = wilson(good, n)
    bad_low, bad_high = wilson(bad, n)
    return AlignmentRow(
        model=model,
        role=role,
        n=n,
        aligned=aligned,
        ties=ties,
        alignment=good / n if n else None,
        resistance=bad / n if n else None,
        ci_low=low,
        ci_high=high,
        resistance_low=bad_low,
        resistance_high=bad_high,
        tie_policy=policy,
        noise_limited=int(np.sum(within_noise(margin, noise_floor))),
    )


def within_noise(margin: Float, floor: float) -> Bool:
    """Margins that differ from 0 by no more than the scorer's own noise; exact ties, which have a
    policy of their own, are not among them."""
    return np.asarray((margin != 0.0) & (np.abs(margin) <= floor), dtype=np.bool_)


def alignment_rows(pairs: Pairs, options: Options) -> list[AlignmentRow]:
    """Alignment before and after training on D."""
    models = (options.model_pre, "pre", pairs.pre), (options.model_post, "post", pairs.post)
    return [
        alignment_row(model, role, rewards, options.tie_policy, floor)
        for (model, role, rewards), floor in zip(models, options.noise_floor, strict=True)
    ]


def counted(v: Verdicts, policy: TiePolicy) -> Bool:
    """Pairs with a yes-or-no verdict: all, or, unless a tie counts as misaligned, those tied
    under neither model."""
    return np.ones(len(v.regime), np.bool_) if policy == "misaligned" else ~v.tied


def regime_groups(v: Verdicts, policy: TiePolicy) -> list[tuple[str, Bool]]:
    """Regimes under a tie policy. half: as misaligned (a half pair has no regime). exclude: pairs
    tied under either model are in none. separate: those make a fifth regime."""
    keep = counted(v, policy) if policy in ("exclude", "separate") else np.ones_like(v.tied)
    groups = [(name, (v.regime == code) & keep) for code, name in enumerate(REGIMES)]
    if policy == "separate":
        groups.append((TIED, v.tied))
    return groups


def opinion_groups(v: Verdicts) -> list[tuple[str, Bool]]:
    """The opinions; unlabeled only where there are such pairs."""
    groups = [(name, v.opinion == code) for code, name in enumerate(OPINIONS)]
    missing = v.opinion == len(OPINIONS)
    return [*groups, (UNLABELED, missing)] if missing.any() else groups


def regime_rows(v: Verdicts, policy: TiePolicy) -> list[RegimeRow]:
    """Regime × opinion cells."""
    return [
        RegimeRow(regime, opinion, int(np.sum(in_regime & in_opinion)))
        for regime, in_regime in regime_groups(v, policy)
        for opinion, in_opinion in opinion_groups(v)
    ]


def opinion_rows(v: Verdicts) -> list[OpinionRow]:
    """Pairs per opinion and how many of them each model orders as the human did (strict)."""
    rows = []
    for name, members in opinion_groups(v):
        n, good = int(members.sum()), int(np.sum(members & v.aligned_post))
        low, high = wilson(n - good, n)
        rows.append(
            OpinionRow(
                opinion=name,
                n=n,
                aligned_pre=int(np.sum(members & v.aligned_pre)),
                aligned_post=good,
                resistance=(n - good) / n if n else None,
                resistance_low=low,
                resistance_high=high,
            )
        )
    return rows


def shift_rows(v: Verdicts, shift: Shift, policy: TiePolicy) -> list[ShiftRow]:
    """Shifts over all pairs, each regime (`got`), and each regime × opinion (`got/c`)."""
    regimes, opinions = regime_groups(v, policy), opinion_groups(v)
    rows = [shift_row("all", shift, np.ones(len(v.regime), np.bool_))]
    rows += [shift_row(name, shift, members) for name, members in regimes]
    rows += [
        shift_row(f"{regime}/{opinion}", shift, in_regime & in_opinion)
        for regime, in_regime in regimes
        for opinion, in_opinion in opinions
    ]
    return rows
