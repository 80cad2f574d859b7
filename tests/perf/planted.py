"""Synthetic pairs of any number with known effects, for the benchmarks."""

from __future__ import annotations

import numpy as np

from engine.paper.inputs import Feature, Options, Pairs

FEATURES = 15


def study(n: int) -> Pairs:
    """n pairs, 15 features of prevalence 3 to 85 %, rewards with pair effects and noise."""
    rng = np.random.default_rng(7)
    shares = np.linspace(0.03, 0.85, FEATURES)
    chosen, rejected = (
        (rng.random((n, FEATURES)) < shares).astype(np.int8) for _ in ("chosen", "rejected")
    )
    effects = np.linspace(-1, 2, FEATURES)
    pair = rng.normal(size=(n, 1))
    rewards = [
        pair
        + np.stack([chosen @ (scale * effects), rejected @ (scale * effects)], axis=1)
        + rng.normal(size=(n, 2))
        for scale in (0.3, 1.0)
    ]
    names = ("harmless", "helpful", *(f"feature_{k}" for k in range(2, FEATURES)))
    features = tuple(Feature(name, "bool", "other") for name in names)
    return Pairs(np.arange(n), rewards[0], rewards[1], features, chosen, rejected)


def options() -> Options:
    return Options(bootstrap=0)
