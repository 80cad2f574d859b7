"""How much a reward depends on the batch it was scored in: measured, stored, told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.backends.base import Use
from engine.backends.rewards.torch import ClassifierBackend
from engine.errors import BadInput
from engine.executors.requests import Request
from engine.executors.workers import WorkerProcess
from engine.models.protocols import Rewards
from engine.run import plan
from engine.run.stages.score import check_noise
from engine.store import Store
from tests.engine.studies import manifest, prepare, run_to_end, write_study


def test_a_finished_run_knows_the_noise_of_both_scorers(finished: Path) -> None:
    noise = manifest(finished)["noise_floor"]
    assert set(noise) == {"pre", "post"}
    for found in noise.values():
        assert found["compared"] == 48, "fewer entries than the sample wants"
        assert 0 <= found["floor"] < 1e-3, "float32 on one machine"
    store = Store(finished / "seal.duckdb")
    try:
        rows = store.read(
            "SELECT max(abs(s.reward - r.reward)) FROM rescored AS r "
            "JOIN scores AS s USING (producer, text_id) GROUP BY producer ORDER BY 1"
        ).fetchall()
    finally:
        store.close()
    assert [floor for (floor,) in rows] == sorted(found["floor"] for found in noise.values())


def off_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scorer that is off by 0.5 for texts that are scored alone, and compares five of them."""
    ask = WorkerProcess.ask

    def noisy(process: WorkerProcess, request: Request[object], *more: Any) -> object:
        answer = ask(process, request, *more)
        if isinstance(answer, Rewards) and len(answer.rewards) == 1:
            return Rewards(answer.rewards + 0.5, answer.tokens, answer.truncated, answer.problems)
        return answer

    monkeypatch.setattr(WorkerProcess, "ask", noisy)
    monkeypatch.setattr(plan, "NOISE_SAMPLE", 5)


def study_of(folder: Path, more: str = "") -> Path:
    reward = f'model = "embedded:reward-pre"\n{more}\n'
    extra = f"[rewards.pre]\n{reward}[rewards.post]\n{reward}"
    return write_study(folder, pairs=8, extra=extra)


def test_a_scorer_that_reads_other_texts_stops_the_run_with_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off_alone(monkeypatch)
    run = prepare(study_of(tmp_path / "study"), tmp_path / "run")
    status = run_to_end(run)
    assert status.state == "failed"
    assert status.error is not None
    assert status.error.startswith("rewards.pre: the reward of a text changes by up to 0.5")
    assert "over 1% of the median margin" in status.error
    assert "reads its padding" in status.error
    assert manifest(run)["noise_floor"]["pre"]["floor"] == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("dtype", "floor", "stops", "cause"),
    [
        ("auto", 0.009, False, ""),
        ("float32", 0.011, True, "reads its padding"),
        ("bfloat16", 0.2, False, ""),
        ("bfloat16", 0.3, True, 'set executor.dtype = "float32"'),
    ],
)
def test_how_much_noise_is_too_much_depends_on_the_number_format(
    dtype: str, floor: float, stops: bool, cause: str
) -> None:
    use = Use(dtype=dtype)
    limit = ClassifierBackend(model="m").noise_limit(use)
    if not stops:
        check_noise("post", floor, 1.0, limit, use)
        return
    with pytest.raises(BadInput) as caught:
        check_noise("post", floor, 1.0, limit, use)
    assert cause in str(caught.value)
    check_noise("post", floor, None, limit, use)  # no pair has two rewards


def test_pairs_closer_than_the_noise_are_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a study that allows so much."""
    off_alone(monkeypatch)
    study = study_of(tmp_path / "study", "max_noise = 1")
    run = prepare(study, tmp_path / "run")
    status = run_to_end(run)
    assert status.state == "done", status.error
    noise = manifest(run)["noise_floor"]
    assert noise["pre"]["floor"] == pytest.approx(0.5, abs=1e-4)
    assert noise["pre"]["compared"] == 5
    store = Store(run / "seal.duckdb")
    try:
        margins = np.array(store.read("SELECT margin_post FROM pair_facts").fetchall())
    finally:
        store.close()
    close = int(((margins != 0) & (np.abs(margins) <= noise["post"]["floor"])).sum())
    assert status.counts["within the scorer's noise"] == close > 0
    assert any(
        f"{close:,} pairs differ in the post-D reward by no more than" in w for w in status.warnings
    )


def test_the_sample_depends_on_the_pairs_and_not_on_ids() -> None:
    pairs = [(i, 2 * i, 2 * i + 1) for i in range(100)]
    moved = [(i, 1000 - a, 1000 - b) for i, a, b in pairs]
    first = plan.noise_sample(pairs)
    assert len(set(first)) == plan.NOISE_SAMPLE
    assert plan.noise_sample(moved) == [1000 - text for text in first]
