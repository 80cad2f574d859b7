"""Models that answer NaN, die on a text, are replaced on disk, or repeat a secret."""

from __future__ import annotations

import json
import shutil
import threading
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import strategies
from engine.backends.base import Model, Use
from engine.backends.rewards.torch import ClassifierBackend
from engine.data.conversation import Conversation
from engine.errors import MachineError
from engine.executors.jobs import LOST, Job, Outcome
from engine.executors.requests import Identify
from engine.executors.workers import Workers
from engine.models.endpoint import EndpointRewriter
from engine.models.operations import Score
from engine.models.protocols import Text
from tests.engine.studies import (
    ServerSays,
    manifest,
    prepare,
    run_to_end,
    sample_rows,
    stand_in_server,
    write_pairs,
)
from tests.fault.conftest import KILLS, Tally
from tests.fault.tiny import POISON, answer, write_light_study, write_tiny_study

pytestmark = pytest.mark.fault("models")

SECRET = "sk-canary-5f3a9c71d2"

# A model that brings its own code, which kills its process at one word.
DEADLY = f"""
import os
import signal

from transformers import BertForSequenceClassification


class Deadly(BertForSequenceClassification):
    def forward(self, input_ids, **others):
        if (input_ids == 4).any():  # {POISON}
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(input_ids, **others)
"""


def texts(count: int) -> list[Text]:
    return [
        Text(number, Conversation.of_transcript(row["chosen"]))
        for number, row in enumerate(sample_rows(count))
    ]


def score(workers: Workers, model: Model, identity: dict[str, Any]) -> bytes:
    done: list[Outcome] = []
    items = tuple(texts(12))
    job = Job(0, tuple(range(12)), items)
    workers.run(model, identity, Score(), [lambda: job], lambda _, out, s: done.append(out))
    ((_, rewards),) = done[0].parts
    return bytes(np.asarray(rewards.rewards).tobytes())


def test_the_same_batch_has_the_same_bits_in_every_worker(models: Path) -> None:
    model = Model(ClassifierBackend(model=str(models / "reward")), Use())
    made = []
    for _ in range(2):
        workers = Workers("cpu", 600, threading.Event())
        try:
            made.append(score(workers, model, workers.ask(Identify(model))))
        finally:
            workers.close()
    assert made[0] == made[1]


def test_weights_that_are_replaced_during_a_run_stop_it(
    models: Path, tmp_path: Path, tally: Tally
) -> None:
    from safetensors.numpy import load_file, save_file

    folder = Path(shutil.copytree(models / "reward", tmp_path / "reward"))
    model = Model(ClassifierBackend(model=str(folder)), Use())
    workers = Workers("cpu", 600, threading.Event())
    try:
        identity = workers.ask(Identify(model))
        weights = load_file(folder / "model.safetensors")
        moved = {name: value * np.float32(1.5) for name, value in weights.items()}
        save_file(moved, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(MachineError, match="replaced on disk"):
            score(workers, model, identity)
        now = workers.ask(Identify(model))
        assert now != identity
        assert score(workers, model, now)
    finally:
        workers.close()
    tally.add(1, refused=1)


def nan_on_poison(models: Path, folder: Path) -> Path:
    """The tiny reward model, whose reward of a text with the word is not a number."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(models / "reward", folder / "reward")
    weights = load_file(folder / "reward" / "model.safetensors")
    name = "bert.embeddings.word_embeddings.weight"
    weights[name][4] = np.nan  # POISON is the fifth word
    save_file(weights, folder / "reward" / "model.safetensors", metadata={"format": "pt"})
    return folder


def poisoned(study: Path, count: int) -> None:
    rows = sample_rows(count)
    rows[3]["chosen"] += f" {POISON}"
    write_pairs(study.parent / "pairs.jsonl", rows)


def test_a_reward_that_is_not_a_number_is_set_aside_and_told(
    models: Path, url: str, tmp_path: Path, tally: Tally
) -> None:
    broken = nan_on_poison(models, tmp_path)
    post = f'model = "{models / "reward"}"'
    study = write_tiny_study(tmp_path / "study", broken, url, sample=0, post=post)
    poisoned(study, 12)
    run = prepare(study, tmp_path / "run")
    status = run_to_end(run)
    assert status.state == "done", status.error
    assert "1 entries could not be used: the reward is not finite" in status.warnings
    assert status.counts["scored pairs"] == 11
    tally.add(1, survived=1, lost=11 - status.counts["scored pairs"])
    # The next dataset has no such text, and nothing more is said of this one.
    write_pairs(study.parent / "pairs.jsonl", sample_rows(12)[4:])
    status = run_to_end(run)
    assert status.state == "done", status.error
    assert not [warning for warning in status.warnings if "not finite" in warning]


@pytest.mark.skipif(not KILLS, reason="every death costs a start of torch; part of make fault")
def test_a_text_on_which_the_worker_dies_is_set_aside_and_the_rest_is_scored(
    models: Path, url: str, tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    deadly = Path(shutil.copytree(models / "reward", tmp_path / "reward"))
    (deadly / "deadly.py").write_text(DEADLY)
    config = json.loads((deadly / "config.json").read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "deadly.Deadly"}
    (deadly / "config.json").write_text(json.dumps(config))
    post = f'model = "{models / "reward"}"'
    trust = f'trust_remote_code = "{deadly}"'
    study = write_tiny_study(tmp_path / "study", tmp_path, url, sample=0, reward=trust, post=post)
    poisoned(study, 12)
    run = prepare(study, tmp_path / "run")
    status = run_to_end(run)
    assert status.state == "done", status.error
    assert f"1 entries could not be used: {LOST}" in status.warnings
    assert status.counts["scored pairs"] == 11
    tally.add(1, survived=1, lost=11 - status.counts["scored pairs"])
    assert manifest(run)["study"]["pre"]["trust_remote_code"] == str(deadly)
    assert manifest(run)["models"]["pre"]["fingerprint"]["trust_remote_code"] is True


# ---------------------------------------------------------------- secrets


def key_of(headers: Message) -> str:
    return str(headers["authorization"]).removeprefix("Bearer ")


@pytest.mark.fault("leaks")
def test_a_key_is_nowhere_in_a_run_folder_whatever_the_server_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    """Labels, then replies that are the key, then an error that repeats it."""
    asked: list[str] = []

    def leak(body: dict[str, Any], headers: Message) -> str:
        asked.append(key_of(headers))
        if len(asked) > 12:
            raise ServerSays(400, f"bad request by Authorization: Bearer {asked[-1]}")
        return f"your key is {asked[-1]}" if len(asked) > 4 else answer(body)

    monkeypatch.setenv("CANARY_KEY", SECRET)
    with stand_in_server(leak) as address:
        study = write_light_study(tmp_path / "study", address, labeler='api_key_env="CANARY_KEY"')
        run = prepare(study, tmp_path / "run")
        status = run_to_end(run)
    assert set(asked) == {SECRET}
    assert status.state == "failed"
    assert status.error is not None
    assert "[key]" in status.error
    assert SECRET not in repr(status)
    assert "CANARY_KEY" in (run / "study.json").read_text()
    files = [path for path in run.rglob("*") if path.is_file()]
    assert {"manifest.json", "seal.duckdb"} <= {path.name for path in files}
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    tally.add(1, survived=1)


def test_a_key_that_a_server_writes_into_a_rewrite_is_not_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CANARY_KEY", SECRET)
    with stand_in_server(lambda _, headers: f"Certainly: {key_of(headers)}.") as address:
        rewriter = EndpointRewriter(address, "stand-in", "CANARY_KEY")
        assert rewriter.rewrite(["Hello there."], strategies.find("neutral")) == (
            "Certainly: [key].",
        )
