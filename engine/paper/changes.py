"""What rewriting does to the verdicts, per strategy and model: counted and tested once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.paper.inference import Test, mcnemar
from engine.paper.inputs import Bool, Float, Rewrites
from engine.results.choices import TiePolicy
from engine.results.records import finite


@dataclass(frozen=True)
class VerdictChange:
    """One strategy under one model on n rewritten pairs: aligned before rewriting (`good`), of
    those misaligned after it (`lost`), of the others aligned after it (`gained`)."""

    strategy: str
    role: str
    n: int
    good: int
    lost: int
    gained: int
    cosine: float | None
    test: Test


def orders(rewards: Float) -> Bool:
    """δ of float64[M,2]."""
    return np.asarray(rewards[:, 0] > rewards[:, 1], dtype=np.bool_)


def untied(before: Float, after: Float, policy: TiePolicy) -> Bool:
    """Rows (rewards float64[M,2]) with a verdict before and after rewriting under the policy."""
    if policy == "misaligned":
        return np.ones(len(before), np.bool_)
    return np.asarray((before[:, 0] != before[:, 1]) & (after[:, 0] != after[:, 1]))


def verdict_changes(
    rewrites: Rewrites, strategies: Sequence[str], policy: TiePolicy
) -> list[VerdictChange]:
    """Every strategy, post-D first; without pairs n is 0, and pre-D is not there."""
    names = rewrites.strategies()
    results = []
    for strategy in strategies:
        members = names == strategy
        for role, before, after in (
            ("post", rewrites.post_original, rewrites.post_rewritten),
            ("pre", rewrites.pre_original, rewrites.pre_rewritten),
        ):
            scored = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
            use = members & scored & untied(before, after, policy)
            if role == "post" or use.any():
                cosines = rewrites.cosine[use].min(axis=1)
                cosine = finite(np.mean(cosines)) if len(cosines) else None
                results.append(
                    _change(strategy, role, cosine, orders(before[use]), orders(after[use]))
                )
    return results


def _change(
    strategy: str, role: str, cosine: float | None, before: Bool, after: Bool
) -> VerdictChange:
    lost, gained = int(np.sum(before & ~after)), int(np.sum(~before & after))
    n, good = len(before), int(before.sum())
    return VerdictChange(strategy, role, n, good, lost, gained, cosine, mcnemar(lost, gained, n))
