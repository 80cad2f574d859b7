"""The fixtures of the engine's tests, and the real command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.canaries import Canaries
from tests.command import COMMAND
from tests.engine.conftest import _finished, _short_sockets, finished, start_engine

__all__ = ["_finished", "_short_sockets", "finished", "start_engine"]

Answer = subprocess.CompletedProcess[str]


@pytest.fixture
def canaries(tmp_path: Path) -> Iterator[Canaries]:
    """Plants modules that nothing may import; looks at the end whether anything did."""
    planted = Canaries(tmp_path / "fired")
    yield planted
    assert planted.fired() == [], "code was taken from a run, data or working folder"


@pytest.fixture
def seal_tui(tmp_path: Path, canaries: Canaries) -> Callable[..., Answer]:
    """Runs `seal-tui` among planted modules. No terminal, no input; never a traceback."""
    where = tmp_path / "here"
    canaries.plant(where)

    def call(*arguments: object, **environment: str) -> Answer:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=where,
            stdin=subprocess.DEVNULL,
            timeout=300,
            env={**os.environ, **environment},
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    return call
