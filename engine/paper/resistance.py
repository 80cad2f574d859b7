"""Tables of alignment, ties, regimes, opinions and shifts (docs/method.md)."""

from __future__ import annotations

import numpy as np

from engine.paper.given import Given, Measured, measure
from engine.paper.inference import wilson
from engine.paper.inputs import Bool, Float, Options, Pairs
from engine.paper.shift import Shift, shift_row
from engine.paper.verdicts import UNLABELED, Verdicts, counted, opinion_columns, within_noise
from engine.results.choices import TiePolicy
from engine.results.records import (
    OPINIONS,
    REGIMES,
    AlignmentRow,
    DroppedFeature,
    OpinionRow,
    RegimeRow,
    ShiftRow,
)

TIED = "tied"  # a fifth regime, only with the tie policy `separate`


def alignment_row(
    model: str,
    role: str,
    rewards: Float,
    policy: TiePolicy,
    noise_floor: float = 0.0,
    held_out: float | None = None,
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
    out_low, out_high = (None, None) if held_out is None else wilson(held_out * n, n)
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
        held_out=held_out,
        held_out_low=out_low,
        held_out_high=out_high,
    )


def alignment_rows(pairs: Pairs, options: Options) -> list[AlignmentRow]:
    """Alignment before and after training on D."""
    policy, (floor_pre, floor_post) = options.tie_policy, options.noise_floor
    return [
        alignment_row(options.model_pre, "pre", pairs.pre, policy, floor_pre),
        alignment_row(options.model_post, "post", pairs.post, policy, floor_post, options.held_out),
    ]


def regime_groups(v: Verdicts, policy: TiePolicy) -> list[tuple[str, Bool]]:
    """Regimes under a tie policy. half: as misaligned (a half pair has no regime). exclude: pairs
    tied under either model are in none. separate: those make a fifth regime."""
    keep = counted(v, policy) if policy in ("exclude", "separate") else np.ones_like(v.tied)
    groups: list[tuple[str, Bool]] = [
        (name, (v.regime == code) & keep) for code, name in enumerate(REGIMES)
    ]
    if policy == "separate":
        groups.append((TIED, v.tied))
    return groups


def opinion_groups(v: Verdicts) -> list[tuple[str, Bool]]:
    """The opinions; unlabeled only where there are such pairs."""
    groups: list[tuple[str, Bool]] = [
        (name, v.opinion == code) for code, name in enumerate(OPINIONS)
    ]
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


# ---------------------------------------------------------------- the tables


@measure("alignment")
def alignment(given: Given) -> Measured[AlignmentRow]:
    return Measured(alignment_rows(given.pairs, given.options))


@measure("regimes")
def regimes(given: Given) -> Measured[RegimeRow]:
    return Measured(regime_rows(given.verdicts, given.options.tie_policy))


@measure("opinions")
def opinions(given: Given) -> Measured[OpinionRow]:
    dropped = []
    if not opinion_columns(given.pairs.features, given.options.opinion_features):
        detail = "no target feature, so the labeler has no opinion on any pair"
        dropped.append(DroppedFeature("opinions", "*", "*", "*", "no_targets", detail))
    return Measured(opinion_rows(given.verdicts), dropped)


@measure("shifts")
def shifts(given: Given) -> Measured[ShiftRow]:
    return Measured(shift_rows(given.verdicts, given.shift, given.options.tie_policy))
