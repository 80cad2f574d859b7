"""Which model to use, as plain data that travels to a worker; and building it there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, assert_never

from engine.errors import MachineError
from engine.models.device import pick_device, pick_dtype, reward_dtype
from engine.models.embedded import resolve
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
    trust_remote_code: bool = False


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
    """Load the model. Raises MachineError with one line for a person."""
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
                spec.model,
                device,
                spec.dtype,
                spec.revision,
                spec.allow_pickle,
                spec.trust_remote_code,
            )
        case RewriterSpec():
            from engine.models.rewriter import TranscriptRewriter

            rewriter = _rewriter(spec, device)
            return TranscriptRewriter(rewriter) if spec.scope == "transcript" else rewriter
        case EmbedderSpec():
            from engine.models.embedder import SentenceEmbedder

            return SentenceEmbedder(spec.model, device)
        case LabelerSpec():
            raise MachineError(f"no back end named {spec.backend!r}")
        case _:
            assert_never(spec)


def _rewriter(spec: RewriterSpec, device: str) -> Rewriter:
    if spec.backend == "endpoint":
        from engine.models.endpoint import EndpointRewriter

        return EndpointRewriter(spec.base_url or "", spec.model, spec.api_key_env)
    from engine.models.rewriter import CausalRewriter

    return CausalRewriter(spec.model, spec.adapter, device, spec.dtype)


def fingerprint(spec: Spec, device: str) -> dict[str, Any]:
    """All that makes this model's results what they are: the spec, its prompts, its weights'
    digests and the number format. A local folder counts by what is in it, not by where it lies."""
    found = {"kind": type(spec).__name__, **asdict(spec), "prompts": _prompts(spec)}
    if not found.get("trust_remote_code"):
        found.pop("trust_remote_code", None)  # only foreign code changes what a model is
    if getattr(spec, "backend", "torch") == "endpoint":
        return found
    if (dtype := getattr(spec, "dtype", None)) is not None:
        picked = (
            reward_dtype(dtype)
            if isinstance(spec, RewardSpec)
            else pick_dtype(dtype, pick_device(device))
        )
        found["dtype"] = str(picked)
    for key in ("model", "adapter"):
        if (name := getattr(spec, key, None)) is not None:
            found[f"{key}_digest"] = _weights_digest(
                name,
                getattr(spec, "revision", None),
                getattr(spec, "trust_remote_code", False),
            )
            if Path(name).is_dir():
                found[key] = Path(name).name
    if isinstance(spec, LabelerSpec) and spec.backend == "heads":
        found["body_digest"] = _weights_digest("embedded:minilm", None)
    return found


def _prompts(spec: Spec) -> str | None:
    """The digest of what a language model is told; a changed prompt makes other results."""
    match spec:
        case LabelerSpec(backend="torch"):
            from engine.models.logit_labeler import INSTRUCTION, MAX_TEXT_TOKENS

            told: Any = [INSTRUCTION, MAX_TEXT_TOKENS]
        case LabelerSpec(backend="endpoint"):
            from engine.models.endpoint_prompts import label_instructions

            told = label_instructions(spec.features)
        case RewriterSpec(backend="torch"):
            from engine.models.rewriter import INSTRUCTIONS

            told = INSTRUCTIONS
        case RewriterSpec(backend="endpoint"):
            from engine.models.endpoint_prompts import STRATEGIES, rewrite_instructions

            told = [rewrite_instructions(strategy) for strategy in STRATEGIES]
        case _:
            return None
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _weights_digest(name: str, revision: str | None, foreign_code: bool = False) -> str:
    folder = Path(resolve(name))
    if folder.is_dir():
        digest = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            foreign = foreign_code and path.suffix == ".py"
            if (path.suffix in WEIGHT_SUFFIXES or foreign) and path.is_file():
                stat = path.stat()
                digest.update(path.name.encode())
                digest.update(_file_digest(path, stat.st_size, stat.st_mtime_ns, stat.st_ino))
        return digest.hexdigest()
    return _hub_commit(name, revision)


@lru_cache(maxsize=1_000)
def _file_digest(path: Path, *_state: int) -> bytes:
    """Weights are identified at every stage; they are read again only when the file changed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _hub_commit(name: str, revision: str | None) -> str:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise MachineError(
            f"cannot find the model {name}: {first} (a local folder works too; "
            "gated models need `hf auth login`)"
        ) from error
    return str(getattr(config, "_commit_hash", None) or revision or "unknown")
