"""Stored results are found by the digest of what made them: it is what version 0.1.0 made it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine import strategies, taxonomy
from engine.backends.base import ModelBackend, Use
from engine.backends.embedders.torch import SentenceEmbedderBackend
from engine.backends.labelers.endpoint import EndpointLabelerBackend
from engine.backends.labelers.heads import HeadsBackend
from engine.backends.labelers.torch import TorchLabelerBackend
from engine.backends.rewards.torch import ClassifierBackend
from engine.backends.rewriters.endpoint import EndpointRewriterBackend
from engine.backends.rewriters.torch import TorchRewriterBackend
from engine.errors import BadInput
from engine.models import fingerprints
from engine.run.plan import producer

FEATURES = (
    taxonomy.Feature("helpful", "Is it helpful?", "bool", "target"),
    taxonomy.Feature("sentiment", "Which sentiment?", "sentiment", "spoiler", False, "sent"),
)
# What each was stored under, with weights of the digest w.
STORED: dict[str, tuple[ModelBackend, str]] = {
    "heads": (HeadsBackend(), "aa6be38698a84212"),
    "torch": (TorchLabelerBackend(model="a/m", adapter="a/l"), "97aaa4831c5c771b"),
    "endpoint": (
        EndpointLabelerBackend(base_url="http://h/v1", model="m", api_key_env="KEY"),
        "d2f1ad303973a5f7",
    ),
    "reward": (
        ClassifierBackend(model="a/m", revision="v1", allow_pickle="a/m@v1"),
        "5a6a8fd2bc672a70",
    ),
    "foreign reward": (
        ClassifierBackend(model="a/m", revision="v1", trust_remote_code="a/m@v1"),
        "4da4defd83e96e73",
    ),
    "rewriter": (TorchRewriterBackend(model="a/m", adapter="a/l"), "13c4deeb3d167fe4"),
    "endpoint rewriter": (
        EndpointRewriterBackend(base_url="http://h/v1", model="m"),
        "1262a96bad74cfb7",
    ),
    "embedder": (SentenceEmbedderBackend(model="a/m"), "6c74af30eab7717a"),
}


def stored_under(backend: ModelBackend) -> str:
    found = backend.fingerprint(Use(FEATURES, "float32", "response"), "cpu")
    if isinstance(backend, TorchRewriterBackend | EndpointRewriterBackend):
        told = backend.instruction(strategies.find("placebo"))
        found["prompts"] = strategies.digest(told)
    return producer(found)[0]


@pytest.mark.parametrize("kind", STORED)
def test_results_of_version_0_1_0_are_found(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(*_: Any) -> str:
        return "w"

    monkeypatch.setattr(fingerprints, "weights_digest", digest)
    backend, before = STORED[kind]
    assert stored_under(backend) == before


def test_a_model_without_a_name_is_not_the_folder_one_stands_in() -> None:
    """Version 0.1.0 let an empty name into study.json."""
    with pytest.raises(BadInput, match="model name is empty"):
        fingerprints.weights_digest("")


def plain(folder: Path, name: str = "bert", **tokens: Any) -> Path:
    """The small files of a model that version 0.1.0 read as this program does."""
    folder.mkdir()
    config = {
        "bert": {"model_type": "bert", "max_position_embeddings": 512},
        "deberta": {
            "model_type": "deberta-v2",
            "max_position_embeddings": 512,
            "relative_attention": True,
        },
        "gpt2": {"model_type": "gpt2", "n_positions": 1024},
        "llama": {"model_type": "llama", "max_position_embeddings": 4096},
        "long llama": {"model_type": "llama", "max_position_embeddings": 131_072},
        "bloom": {"model_type": "bloom"},
    }[name]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens))
    return folder


def of(model: Path, **settings: Any) -> dict[str, Any]:
    return ClassifierBackend(model=str(model), **settings).fingerprint(Use(), "cpu")


def read_anew(model: Path) -> bool:
    return "inputs" in of(model)


PADDED = {"pad_token": "<pad>", "eos_token": {"content": "</s>"}}


def test_rewards_that_are_still_the_same_are_found(tmp_path: Path) -> None:
    assert not read_anew(plain(tmp_path / "a"))
    assert not read_anew(plain(tmp_path / "b", "deberta"))
    assert not read_anew(plain(tmp_path / "c", "llama", **PADDED))
    assert not read_anew(plain(tmp_path / "d", "gpt2", **PADDED))
    assert "inputs" not in ClassifierBackend(model="embedded:reward-pre").fingerprint(Use(), "cpu")


def test_rewards_that_may_be_others_now_are_computed_anew(tmp_path: Path) -> None:
    chat = plain(tmp_path / "chat", "llama", **PADDED)
    (chat / "chat_template.jinja").write_text("{{ messages }}")
    assert read_anew(chat), "its template is given other messages"
    assert read_anew(plain(tmp_path / "older", chat_template="{{ messages }}"))
    assert read_anew(plain(tmp_path / "left", "gpt2", padding_side="left", **PADDED))
    assert read_anew(plain(tmp_path / "none", "gpt2", eos_token="</s>"))
    assert read_anew(plain(tmp_path / "same", "llama", pad_token="</s>", eos_token="</s>"))
    assert read_anew(plain(tmp_path / "long", "long llama", **PADDED)), "was cut at 4,096 tokens"
    assert read_anew(plain(tmp_path / "endless", "bloom", **PADDED)), "was cut at 512 tokens"


def test_what_a_study_chooses_for_a_model_is_in_its_fingerprint(tmp_path: Path) -> None:
    model = plain(tmp_path / "m")
    chosen: list[dict[str, Any]] = [
        {},
        {"max_tokens": 100},
        {"output": 1},
        {"merge_turns": True},
        {"fold_system": True},
    ]
    assert len({producer(of(model, **settings))[0] for settings in chosen}) == len(chosen)
    assert of(model, max_noise=0.5) == of(model), "it changes no reward"


def test_the_fingerprint_of_an_adapter_covers_its_base(tmp_path: Path) -> None:
    base, adapter = plain(tmp_path / "base"), tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    first = of(adapter)
    assert first["base"] == "base"
    moved = Path(shutil.copytree(base, tmp_path / "moved" / "base"))
    assert of(adapter, base=str(moved)) == first, "known by its content"
    (base / "config.json").write_text("{}")
    assert of(adapter)["base_digest"] != first["base_digest"]
