"""Small reward models, built once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models.reward_models import SHAPES

Folder = Callable[[str], Path]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a shape's model."""
    root = tmp_path_factory.mktemp("shapes")

    def find(name: str) -> Path:
        place = root / name.replace(" ", "-").replace(",", "")
        return place if place.exists() else SHAPES[name].build(place)

    return find
