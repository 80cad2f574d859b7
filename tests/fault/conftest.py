"""Faults that are really there: processes killed, disks full, files cut off. And what came of them.

`make fault` is this folder with FAULT_KILLS=50; tests/tally.py counts what came of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import pytest

from tests.engine.conftest import _short_sockets, start_engine
from tests.fault.tiny import build_models, stand_in_models
from tests.tally import MARK, Tally

__all__ = ["Tally", "_short_sockets", "start_engine"]

KILLS = int(os.environ.get("FAULT_KILLS", "0"))  # per stage; 0 is the short set


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder is a fault test; a file that names no kind is its own."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here and not item.get_closest_marker(MARK):
            item.add_marker(pytest.mark.fault(item.path.stem.removeprefix("test_")))


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny models, made once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "tiny-models"
    with filelock.FileLock(base / "tiny-models.lock"):
        if not (folder / "embedder" / "modules.json").exists():
            build_models(folder)
    return folder


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with stand_in_models() as address:
        yield address


@pytest.fixture
def start(start_engine: Callable[[Path], Path]) -> Callable[[Path], Path]:
    return start_engine
