"""Stored results are found by the digest of what made them: it is what version 0.1.0 made it."""

from __future__ import annotations

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
