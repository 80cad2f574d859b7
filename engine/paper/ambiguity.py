"""How ambiguous a pair is: a sort key for triage, not a detector of bad labels (ours).

Three raters give a probability that the chosen entry is the better one: the person who made the
dataset (1), the LM-labeler (c 1, i ½, r 0; left out where it has no opinion), and the post-D
reward model, σ(margin/T). The score is the entropy, in bits, of their mean probability: 0 when all
are sure and agree, 1 when the mean is ½. It is the sum of two parts:

    unsure    the mean of each rater's own entropy
    disagree  the rest (Jensen–Shannon): sure raters that contradict each other

T makes the score free of the reward's scale: the median absolute margin unless given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.paper.inference import wilson
from engine.paper.inputs import Bool, Float, Int8

_LABELER = np.array([1.0, 0.5, 0.0, np.nan])  # by opinion code


@dataclass(frozen=True)
class Ambiguity:
    """Per pair float64[N], bits in [0, 1]: score = unsure + disagree."""

    score: Float
    unsure: Float
    disagree: Float


@dataclass(frozen=True)
class AmbiguityBand:
    """Resistance among the pairs of one band of the score; band 1 is the least ambiguous."""

    band: int
    n: int
    score_low: float
    score_high: float
    misaligned: int
    resistance: float
    ci_low: float | None
    ci_high: float | None


def entropy(p: Float) -> Float:
    """Binary entropy in bits, 0 at 0 and 1."""
    q = np.clip(p, 1e-300, 1.0)
    r = np.clip(1.0 - p, 1e-300, 1.0)
    return np.asarray(-(p * np.log2(q) + (1.0 - p) * np.log2(r)), dtype=np.float64)


def ambiguity(margin_post: Float, opinion: Int8, temperature: float | None = None) -> Ambiguity:
    """Scores of N pairs from the post-D margins and opinion codes (0 c, 1 i, 2 r, 3 unknown)."""
    if temperature is None:
        temperature = float(np.median(np.abs(margin_post))) if len(margin_post) else 1.0
    scaled = margin_post / (temperature if temperature > 0 else 1.0)
    model = 1.0 / (1.0 + np.exp(-np.clip(scaled, -500.0, 500.0)))
    labeler = _LABELER[opinion]
    heard = ~np.isnan(labeler)
    count = 2.0 + heard
    voice = np.where(heard, labeler, 0.0)
    score = entropy((1.0 + model + voice) / count)
    unsure = (entropy(model) + np.where(heard, entropy(voice), 0.0)) / count
    disagree = np.maximum(score - unsure, 0.0)
    return Ambiguity(unsure + disagree, unsure, disagree)


def resistance_by_ambiguity(score: Float, aligned: Bool, bands: int = 10) -> list[AmbiguityBand]:
    """Resistance in bands of equal size by score; equal scores may fall on both sides of a border
    (by position, so give the pairs in pair_id order). Fewer pairs than bands give fewer bands."""
    order = np.argsort(score, kind="stable")
    rows = []
    for band, members in enumerate(np.array_split(order, min(bands, len(order)) or 1), start=1):
        n = len(members)
        if n == 0:
            continue
        bad = int(np.sum(~aligned[members]))
        low, high = wilson(bad, n)
        within = score[members]
        first, last = float(within[0]), float(within[-1])
        rows.append(AmbiguityBand(band, n, first, last, bad, bad / n, low, high))
    return rows
