"""Planted pairs, rewrites and labelers of any size for the tests of `engine.paper`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.paper import selftest
from engine.paper.inputs import Feature, Labels, Pairs, Rewrites

Study = tuple[Pairs, Rewrites, tuple[Labels, Labels]]


@pytest.fixture
def study() -> Callable[..., Study]:
    """A planted study: study(n, seed) → pairs, rewrites, two labelers."""

    def make(n: int, seed: int = 0) -> Study:
        rng = np.random.default_rng(seed)
        pairs = selftest.plant_pairs(rng, n)
        return pairs, selftest.plant_rewrites(rng, pairs), selftest.plant_labelers(rng, pairs)

    return make


@pytest.fixture
def taxonomy() -> tuple[Feature, ...]:
    """The seventeen features of the default taxonomy."""
    import tomllib

    import engine.taxonomy

    path = Path(engine.taxonomy.__file__).parent / "default.toml"
    with path.open("rb") as file:
        rows = tomllib.load(file)["feature"]
    return tuple(
        Feature(row["name"], row["kind"], row["class"], row.get("regress", True)) for row in rows
    )
