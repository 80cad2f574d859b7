"""Which model to use, as plain data that travels to a worker; and building it there."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, assert_never

from engine.models.embedded import resolve
from engine.models.errors import ModelError
from engine.models.protocols import Embedder, Labeler, RewardModel, Rewriter
from engine.taxonomy import Feature

WEIGHT_SUFFIXES = (".safetensors", ".bin", ".json", ".model", ".jinja")


@dataclass(frozen=True)
class LabelerSpec:
    backend: str
    model: str
    adapter: str | None
    base_url: str | None
    api_key_env: str | None
    features: tuple[Feature, ...]
    dtype: str


@dataclass(frozen=True)
class RewardSpec:
    model: str
    revision: str | None
    allow_pickle: bool
    dtype: str


@dataclass(frozen=True)
class RewriterSpec:
    backend: str
    model: str
    adapter: str | None
    base_url: str | None
    api_key_env: str | None
    scope: str
    dtype: str


@dataclass(frozen=True)
class EmbedderSpec:
    model: str


Spec = LabelerSpec | RewardSpec | RewriterSpec | EmbedderSpec
Model = Labeler | RewardModel | Rewriter | Embedder


def build(spec: Spec, device: str) -> Model:
    """Load the model. Raises ModelError with one line for a person."""
    match spec:
        case LabelerSpec(backend="heads"):
            from engine.models.head_labeler import HeadLabeler

            return HeadLabeler(spec.model, spec.features, device)
        case LabelerSpec(backend="torch"):
            from engine.models.logit_labeler import LogitLabeler

            return LogitLabeler(spec.model, spec.adapter, spec.features, device, spec.dtype)
        case LabelerSpec(backend="endpoint"):
            from engine.models.endpoint import EndpointLabeler

            return EndpointLabeler(spec.base_url or "", spec.model, spec.api_key_env, spec.features)
        case RewardSpec():
            from engine.models.reward import SequenceClassifierReward

            return SequenceClassifierReward(
                spec.model, device, spec.dtype, spec.revision, spec.allow_pickle
            )
        case RewriterSpec():
            from engine.models.rewriter import TranscriptRewriter

            rewriter = _rewriter(spec, device)
            return TranscriptRewriter(rewriter) if spec.scope == "transcript" else rewriter
        case EmbedderSpec():
            from engine.models.embedder import SentenceEmbedder

            return SentenceEmbedder(spec.model, device)
        case LabelerSpec():
            raise ModelError(f"no back end named {spec.backend!r}")
        case _:
            assert_never(spec)


def _rewriter(spec: RewriterSpec, device: str) -> Rewriter:
    if spec.backend == "endpoint":
        from engine.models.endpoint import EndpointRewriter

        return EndpointRewriter(spec.base_url or "", spec.model, spec.api_key_env)
    from engine.models.rewriter import CausalRewriter

    return CausalRewriter(spec.model, spec.adapter, device, spec.dtype)


def fingerprint(spec: Spec) -> dict[str, Any]:
    """All that makes this model's results what they are: the spec and its weights' digests."""
    found = {"kind": type(spec).__name__, **asdict(spec)}
    if getattr(spec, "backend", "torch") == "endpoint":
        return found
    for key in ("model", "adapter"):
        if (name := getattr(spec, key, None)) is not None:
            found[f"{key}_digest"] = _weights_digest(name, getattr(spec, "revision", None))
    if isinstance(spec, LabelerSpec) and spec.backend == "heads":
        found["body_digest"] = _weights_digest("embedded:minilm", None)
    return found


def _weights_digest(name: str, revision: str | None) -> str:
    folder = Path(resolve(name))
    if folder.is_dir():
        digest = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if path.suffix in WEIGHT_SUFFIXES and path.is_file():
                with path.open("rb") as file:
                    digest.update(path.name.encode())
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()
    return _hub_commit(name, revision)


def _hub_commit(name: str, revision: str | None) -> str:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(
            f"cannot find the model {name}: {first} (a local folder works too; "
            "gated models need `hf auth login`)"
        ) from error
    return str(getattr(config, "_commit_hash", None) or revision or "unknown")
