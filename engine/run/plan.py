"""What a study does, stage by stage, and how a stage's texts are put into batches. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from engine import data
from engine.models.specs import EmbedderSpec, LabelerSpec, RewardSpec, RewriterSpec
from engine.study import Reward, Study
from engine.wire.messages import StageProgress

NOISE_SAMPLE = 64
NOISE_SEED = 7

Unit = TypeVar("Unit")


def stages(study: Study) -> list[StageProgress]:
    """Every stage of the study, in the order of the run."""
    found = [("ingest", "read pairs", "pairs")]
    found += [(f"label:{name}", f"label · {name}", "entries") for name in study.labelers]
    found.append(("score:pre", "score · pre", "entries"))
    if study.pre.path is None:
        found.append(("noise:pre", "noise of the scorer · pre", "entries"))
    if study.post.continue_from:
        found.append(("train:post", "train post on the dataset", "models"))
    found.append(("score:post", "score · post", "entries"))
    if study.post.path is None:
        found.append(("noise:post", "noise of the scorer · post", "entries"))
    if study.rewrites.path is not None:
        found.append(("rewrites", "read the rewrites", "entries"))
    elif study.rewrites.sample:
        found += [
            (f"rewrite:{strategy}", f"rewrite · {strategy}", "entries")
            for strategy in study.rewrites.strategies
        ]
        found += [
            ("relabel:main", "label rewrites", "entries"),
            ("rescore:pre", "score rewrites · pre", "entries"),
            ("rescore:post", "score rewrites · post", "entries"),
            ("embed", "compare meaning", "entries"),
        ]
    found.append(("measure", "compute the measures", "tables"))
    return [
        StageProgress(name=name, label=label, unit=unit, state="waiting", done=0, total=0)
        for name, label, unit in found
    ]


def producer(identity: dict[str, Any]) -> tuple[str, str]:
    """(producer, fingerprint): a producer is the digest of all that makes its results."""
    fingerprint = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:16], fingerprint


def training_key(study: Study, pre: str, dataset: str) -> tuple[str, dict[str, Any]]:
    """(name, what it depends on) of a post-D model that is trained here, by the pre-D producer."""
    key = {"pre": pre, "dataset": dataset, "penalty": study.post.penalty}
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16], key


def embed_key(study: Study, rewriter: str) -> str:
    """What batches of similarities are kept under. A unit is an original, compared with all its
    rewrites, so other rewrites are other batches."""
    return f"embed:{rewriter}:{','.join(study.rewrites.strategies)}"


def rewrite_sample(study: Study, pairs: Sequence[Unit]) -> list[Unit]:
    """The pairs whose two sides are rewritten."""
    settings = study.rewrites
    if settings.path is not None:
        return list(pairs)
    if not settings.sample:
        return []
    return [pairs[i] for i in data.seeded_sample(len(pairs), settings.sample, settings.seed)]


def labeler_spec(study: Study, name: str) -> LabelerSpec:
    labeler = study.labelers[name]
    return LabelerSpec(
        labeler.backend,
        labeler.model or "",
        labeler.adapter,
        labeler.base_url,
        labeler.api_key_env,
        study.features,
        study.executor.dtype,
    )


def pre_spec(study: Study) -> RewardSpec:
    assert study.pre.model is not None  # the study file was checked
    return _reward_spec(study, study.pre, study.pre.model)


def post_spec(study: Study, trained: str) -> RewardSpec:
    """`trained` is the folder of the model that was trained in this run, if one was."""
    return _reward_spec(study, study.post, study.post.model or trained)


def _reward_spec(study: Study, reward: Reward, model: str) -> RewardSpec:
    return RewardSpec(
        model,
        reward.revision,
        bool(reward.allow_pickle),
        study.executor.dtype,
        bool(reward.trust_remote_code),
    )


def noise_sample(pairs: Sequence[tuple[int, Unit, Unit]]) -> list[Unit]:
    """The texts that are scored twice; it depends on the pairs alone, not on the texts' ids."""
    texts = list(dict.fromkeys(text for _, *sides in pairs for text in sides))
    return [texts[i] for i in data.seeded_sample(len(texts), NOISE_SAMPLE, NOISE_SEED)]


def pre_name(study: Study) -> str:
    """What a reader is told the pre-D model is."""
    return _name(study.pre.model or study.pre.path or "")


def post_name(study: Study) -> str:
    """What a reader is told the post-D model is."""
    named = study.post.path or study.post.model
    return _name(named) if named else f"{pre_name(study)} + D"


def rewriter_name(study: Study) -> str:
    """What a reader is told wrote the rewrites."""
    return _name(study.rewrites.path or study.rewriter.model)


def _name(model: str) -> str:
    """A file or folder by its name: where it lies is no part of what it is."""
    return Path(model).name if Path(model).is_absolute() else model


def rewriter_spec(study: Study) -> RewriterSpec:
    rewriter = study.rewriter
    return RewriterSpec(
        rewriter.backend,
        rewriter.model,
        rewriter.adapter,
        rewriter.base_url,
        rewriter.api_key_env,
        study.rewrites.scope,
        study.executor.dtype,
    )


def embedder_spec(study: Study) -> EmbedderSpec:
    return EmbedderSpec(study.embedder.model)


# The most rows and the most characters of one batch. A batch is also the step of progress, of
# commit and of what a crash costs, so it stays well under a minute on a slow machine.
SHAPES = {
    "heads": (64, 80_000),
    "torch": (8, 16_000),
    "endpoint": (64, 400_000),
    "score": (64, 80_000),
    "alone": (1, 80_000),
    "rewrite": (32, 12_000),
    "embed": (64, 80_000),
}


def compose(units: Sequence[int], sizes: Sequence[int], shape: tuple[int, int]) -> list[list[int]]:
    """Batches of units of like size, the largest first: little padding, and trouble shows early."""
    rows, characters = shape
    order = sorted(range(len(units)), key=lambda i: (-sizes[i], units[i]))
    batches: list[list[int]] = []
    widest = 1
    for i in order:
        full = not batches or len(batches[-1]) >= rows
        if full or (len(batches[-1]) + 1) * widest > characters:
            batches.append([])
            widest = max(sizes[i], 1)
        batches[-1].append(units[i])
    return batches
