"""How ambiguous a pair is: a sort key for triage, not a detector of bad labels (ours).

Raters give a probability that the chosen entry is the better one: the person who made the dataset
(1), each labeler by its opinion γ (c 1, i ½, r 0; left out where it has none), and the two reward
models, σ(m/T), m the margin less what the scorer's own noise can account for. The score is the
entropy, in bits, of the mean probability: 0 when all are sure and agree, 1 when the mean is ½. It
is the sum of two parts:

    unsure    the mean of each rater's own entropy
    disagree  the rest (Jensen–Shannon): sure raters that contradict each other

T makes the score free of a reward's scale: that model's median absolute margin unless given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.paper.given import Given, Measured, measure
from engine.paper.inference import wilson
from engine.paper.inputs import Bool, Float, Int8
from engine.paper.verdicts import compare, counted, opinion_columns
from engine.results.records import AmbiguityRow

_LABELER = np.array([1.0, 0.5, 0.0, np.nan])  # by opinion code


@dataclass(frozen=True)
class Ambiguity:
    """Per pair float64[N], bits in [0, 1]: score = unsure + disagree."""

    score: Float
    unsure: Float
    disagree: Float


def entropy(p: Float) -> Float:
    """Binary entropy in bits, 0 at 0 and 1."""
    q = np.clip(p, 1e-300, 1.0)
    r = np.clip(1.0 - p, 1e-300, 1.0)
    return np.asarray(-(p * np.log2(q) + (1.0 - p) * np.log2(r)), dtype=np.float64)


def preference(margin: Float, floor: float = 0.0, temperature: float | None = None) -> Float:
    """A reward model's probability that chosen is better, from its margins float64[N]: ½ within
    `floor`, the noise of its scorer; further out only the margin beyond it counts."""
    beyond = np.sign(margin) * np.maximum(np.abs(margin) - floor, 0.0)
    if temperature is None:
        temperature = float(np.median(np.abs(beyond))) if len(beyond) else 1.0
    scaled = beyond / (temperature if temperature > 0 else 1.0)
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(scaled, -500.0, 500.0))), dtype=np.float64)


def ambiguity(models: Sequence[Float], opinions: Sequence[Int8]) -> Ambiguity:
    """Scores of N pairs from the preferences of reward models (float64[N] each, at least one) and
    the opinion codes of labelers (0 c, 1 i, 2 r, 3 none; int8[N] each)."""
    n = len(models[0])
    votes = [np.ones(n), *models, *(_LABELER[codes] for codes in opinions)]
    total, own, count = np.zeros(n), np.zeros(n), np.zeros(n)
    for vote in votes:
        heard = ~np.isnan(vote)
        vote = np.where(heard, vote, 0.0)
        total, own, count = total + vote, own + entropy(vote), count + heard
    score, unsure = entropy(total / count), own / count
    disagree = np.maximum(score - unsure, 0.0)
    return Ambiguity(unsure + disagree, unsure, disagree)


def ambiguity_rows(score: Float, aligned: Bool, bands: int = 10) -> list[AmbiguityRow]:
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
        rows.append(AmbiguityRow(band, n, first, last, bad, bad / n, low, high))
    return rows


def of_pairs(given: Given) -> Ambiguity:
    """Ambiguity of every pair by the person, both reward models, the main labeler and, where they
    labeled the targets of both sides, the other labelers."""
    pairs, options = given.pairs, given.options
    margins = given.shift.margin_pre, given.shift.margin_post
    models = [
        preference(margin, floor, options.temperature)
        for margin, floor in zip(margins, options.noise_floor, strict=True)
    ]
    columns = opinion_columns(pairs.features, options.opinion_features)
    names = [pairs.features[j].name for j in columns]
    opinions = [given.verdicts.opinion]
    for labels in given.labelers[1:]:  # the first is the main one, whose opinion stands already
        if all(name in labels.features for name in names):
            chosen, rejected = labels.of_pairs(pairs.pair_id, names)
            opinions.append(compare(chosen, rejected, options.opinion))
    return ambiguity(models, opinions)


@measure("resistance_by_ambiguity")
def table(given: Given) -> Measured[AmbiguityRow]:
    use = counted(given.verdicts, given.options.tie_policy)
    return Measured(ambiguity_rows(of_pairs(given).score[use], given.verdicts.aligned_post[use]))
