"""Databases that are larger than the memory they may take."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engine.store import Store, database
from tests.fault.conftest import KILLS, Tally
from tests.pairs import of_transcripts, put

SAID = "\n\nHuman: what is {}?\n\nAssistant: "


def noise(seed: int, size: int) -> str:
    """Text that no database makes shorter."""
    return random.Random(seed).randbytes(size // 2).hex()


@pytest.mark.skipif(not KILLS, reason="it compresses 100 MB")
def test_pairs_that_do_not_fit_in_memory_are_stored_whole_and_leave_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    monkeypatch.setattr(database, "STORING", 96 << 20)
    monkeypatch.setattr(database, "READING", 96 << 20)
    monkeypatch.setattr(database, "PER_PAIR", 0)
    said = [
        of_transcripts(
            str(n), n, *(SAID.format(n) + noise(2 * n + side, 16_000) for side in (0, 1))
        )
        for n in range(1_700)
    ]
    store = Store(tmp_path / "seal.duckdb")
    put(store, "large", said)
    found = store.read(
        "SELECT p.source_id, t.transcript FROM pairs AS p JOIN texts AS t ON t.text_id = chosen_id"
    ).fetchall()
    assert dict(found) == {pair.source_id: pair.chosen.transcript for pair in said}
    store.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["seal.duckdb"]
    tally.add(1, survived=1)
