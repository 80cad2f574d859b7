"""Long sessions in random packets end as the same keys typed slowly.

`make fault` types 100 sessions of 500 keys (FAULT_SESSIONS); `make test` has a short set in
tests/tui/test_packets.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seal_tui.explorer import input_queue

from ..tui import packets, recorded
from .conftest import KILLS

SESSIONS = int(os.environ.get("FAULT_SESSIONS", "100" if KILLS else "0"))
_FIRST_SEED = 1000


@pytest.fixture(scope="module")
def recorded_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded.build(tmp_path_factory.mktemp("recorded"))


@pytest.mark.parametrize("seed", range(_FIRST_SEED, _FIRST_SEED + SESSIONS))
async def test_a_long_session_in_random_packets(
    recorded_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(input_queue, "LIMIT_S", 120.0)
    monkeypatch.setattr(input_queue, "AHEAD_S", 120.0)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    await packets.compare(recorded_run, seed, 500, tmp_path)
