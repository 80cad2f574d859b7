"""A run with a chat model whose template refuses some texts: they are set aside, counted and told
of with what to do, and the others are scored and measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.store import Store
from engine.wire.messages import RunStatus
from tests.engine.studies import manifest, prepare, run_to_end, write_pairs
from tests.models.reward_models import SHAPES

SAID = ("blue sky", "old tree", "green stone", "quite new fire", "rain", "sea and water")


def row(number: int, *before: tuple[str, str]) -> dict[str, Any]:
    question = [{"role": role, "content": said} for role, said in before]
    question.append({"role": "user", "content": f"tell me more {number}"})
    return {
        "prompt": question,
        "chosen": [{"role": "assistant", "content": SAID[number % 6]}],
        "rejected": [{"role": "assistant", "content": f"no {SAID[(number + 1) % 6]}"}],
    }


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`strict` refuses a system message and two turns of one role; `plain` reads pairs of texts."""
    folder = tmp_path_factory.mktemp("models")
    SHAPES["mistral"].build(folder / "strict")
    SHAPES["roberta"].build(folder / "plain")
    return folder


def run(tmp_path: Path, models: Path, rows: list[dict[str, Any]], pre: str = "") -> RunStatus:
    study = tmp_path / "study"
    study.mkdir(exist_ok=True)
    write_pairs(study / "pairs.jsonl", rows)
    (study / "study.toml").write_text(
        f"""name = "refusals"
[data]
path = "pairs.jsonl"
[labelers.main]
backend = "none"
[rewards.pre]
model = "{models / "strict"}"
{pre}
[rewards.post]
model = "{models / "plain"}"
[rewrites]
sample = 0
[executor]
devices = "cpu"
"""
    )
    return run_to_end(prepare(study / "study.toml", tmp_path / "run"))


ROWS = [
    *(row(number) for number in range(8)),
    row(8, ("system", "be kind")),
    row(9, ("user", "hello")),
]


def test_texts_that_the_template_refuses_are_set_aside_and_the_others_are_measured(
    tmp_path: Path, models: Path
) -> None:
    status = run(tmp_path, models, ROWS)
    assert status.state == "done", status.error
    assert status.counts["scored pairs"] == 8
    told = [warning for warning in status.warnings if "could not be used" in warning]
    assert len(told) == 2
    assert any(
        "2 entries could not be used: the chat template of the reward model refuses a system" in w
        for w in told
    )
    assert any("two turns of one role in a row (merge_turns = true joins them)" in w for w in told)
    store = Store(tmp_path / "run" / "seal.duckdb")
    try:
        scored = store.read(
            "SELECT producer, count(*) FROM scores GROUP BY 1 ORDER BY 2"
        ).fetchall()
    finally:
        store.close()
    assert [count for _, count in scored] == [16, 20], "the other model has scored all of them"


def test_the_choices_of_a_study_let_them_be_scored_and_are_in_the_manifest(
    tmp_path: Path, models: Path
) -> None:
    status = run(tmp_path, models, ROWS, "fold_system = true\nmerge_turns = true")
    assert status.state == "done", status.error
    assert status.counts["scored pairs"] == 10
    assert not [warning for warning in status.warnings if "could not be used" in warning]
    written = manifest(tmp_path / "run")
    assert written["study"]["pre"]["fold_system"] is written["study"]["pre"]["merge_turns"] is True
    fingerprint = written["models"]["pre"]["fingerprint"]
    assert fingerprint["fold_system"] is fingerprint["merge_turns"] is True


def test_a_model_that_can_read_none_of_the_texts_stops_the_run(
    tmp_path: Path, models: Path
) -> None:
    rows = [row(number, ("system", "be kind")) for number in range(4)]
    status = run(tmp_path, models, rows)
    assert status.state == "failed"
    assert status.error is not None
    assert status.error.startswith("rewards.pre: no entry could be scored; 8: the chat template")


def test_a_limit_of_the_study_cuts_what_is_longer_and_counts_it(
    tmp_path: Path, models: Path
) -> None:
    rows = [row(number) for number in range(8)]
    rows[3]["chosen"][0]["content"] = "stone " * 60
    status = run(tmp_path, models, rows, "max_tokens = 32")
    assert status.state == "done", status.error
    assert status.counts["truncated"] == 1
    (told,) = [warning for warning in status.warnings if "max_tokens" in warning]
    assert told.startswith("1 entries are longer than a reward model's input limit")
