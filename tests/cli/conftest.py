"""The fixtures of the engine's tests, and the real command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import COMMAND
from tests.engine.conftest import _finished, _short_sockets, finished, start_engine

__all__ = ["_finished", "_short_sockets", "finished", "start_engine"]

Answer = subprocess.CompletedProcess[str]


@pytest.fixture
def seal_tui(tmp_path: Path) -> Callable[..., Answer]:
    """Runs `seal-tui` in an empty folder. No terminal, no input; never a traceback."""
    where = tmp_path / "here"
    where.mkdir()

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
