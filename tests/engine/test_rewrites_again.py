"""Rewrites that fall together: one new text of several originals, some of them of a later run."""

from __future__ import annotations

from pathlib import Path

from engine.store import Store
from tests.engine.studies import prepare, run_to_end, stand_in_server, write_pairs
from tests.fault.conftest import models
from tests.fault.tiny import answer, write_tiny_study

__all__ = ["models"]


def test_every_original_of_a_shared_rewrite_is_compared_with_it(
    models: Path, tmp_path: Path
) -> None:
    def same(body: dict[str, object], _: object) -> str:
        return answer(body) if "response_format" in body else "Gladly, with other words."

    said = "\n\nHuman: Say something kind.\n\nAssistant: {}"
    words = ("You are kind.", "You are here.", "You did well.", "You look well.")
    rows = [
        {
            "id": str(n),
            "chosen": said.format(words[2 * n]),
            "rejected": said.format(words[2 * n + 1]),
        }
        for n in range(2)
    ]
    run = tmp_path / "run"
    with stand_in_server(same) as url:
        for sample in (1, 2):
            study = write_tiny_study(tmp_path / "study", models, url, sample=sample)
            write_pairs(study.parent / "pairs.jsonl", rows)
            status = run_to_end(prepare(study, run))
            assert status.state == "done", status.error
            assert status.counts["rewritten pairs"] == 2 * sample, "by two strategies"
    store = Store(run / "seal.duckdb")
    try:
        found = store.read("SELECT text_id, rewritten_id FROM similarities ORDER BY ALL").fetchall()
    finally:
        store.close()
    assert len(found) == 4
    assert len({rewritten for _, rewritten in found}) == 1
