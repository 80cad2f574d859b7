"""Faults that are really there: processes killed, disks full, files cut off. And what came of them.

`make fault` is this folder with FAULT_KILLS=50, and prints how many faults were injected.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import pytest

from tests.engine.conftest import _short_sockets, start_engine
from tests.fault.tiny import build_models, stand_in_models

__all__ = ["_short_sockets", "start_engine"]

KILLS = int(os.environ.get("FAULT_KILLS", "0"))  # per stage; 0 is the short set


@dataclass
class Tally:
    """What one test did to the engine. `lost` and `doubled` are rows."""

    injected: int = 0
    survived: int = 0
    lost: int = 0
    doubled: int = 0

    def add(self, injected: int, *, survived: int, lost: int = 0, doubled: int = 0) -> None:
        self.injected += injected
        self.survived += survived
        self.lost += lost
        self.doubled += doubled


_TALLIES: dict[str, Tally] = {}


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    return _TALLIES.setdefault(request.node.nodeid, Tally())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _TALLIES:
        return
    terminalreporter.section("faults")
    for name, found in _TALLIES.items():
        terminalreporter.line(f"{_line(found)}   {name.rpartition('::')[2]}")
    whole = Tally()
    for found in _TALLIES.values():
        whole.add(found.injected, survived=found.survived, lost=found.lost, doubled=found.doubled)
    terminalreporter.line(f"{_line(whole)}   all")


def _line(found: Tally) -> str:
    return (
        f"injected {found.injected:>4}  survived {found.survived:>4}  rows lost {found.lost}  "
        f"doubled {found.doubled}"
    )


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
