"""Keys, samples, names and batches that follow from a study. Pure functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from engine import data
from engine.backends.base import Shape
from engine.backends.rewards.continued import ContinuedBackend
from engine.study import Study

NOISE_SAMPLE = 64
NOISE_SEED = 7

Unit = TypeVar("Unit")


def producer(identity: dict[str, Any]) -> tuple[str, str]:
    """(producer, fingerprint): the producer is the digest of the fingerprint."""
    fingerprint = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:16], fingerprint


def training_key(penalty: float, pre: str, dataset: str) -> tuple[str, dict[str, Any]]:
    """(name, inputs) of a post-D model that is trained from the model of this pre-D producer."""
    key = {"pre": pre, "dataset": dataset, "penalty": penalty}
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16], key


def embed_key(study: Study, rewriters: Sequence[str]) -> str:
    """The key that batches of similarities are stored under; `rewriters` are the producers of the
    study's strategies. A unit is an original, compared with all its rewrites, so other rewrites
    need other batches."""
    names = ",".join(study.rewrites.strategies)
    return f"embed:{'+'.join(dict.fromkeys(rewriters))}:{names}"


def rewrite_sample(study: Study, pairs: Sequence[Unit]) -> list[Unit]:
    """The pairs whose two sides are rewritten."""
    settings = study.rewrites
    if settings.path is not None:
        return list(pairs)
    if not settings.sample:
        return []
    return [pairs[i] for i in data.seeded_sample(len(pairs), settings.sample, settings.seed)]


def noise_sample(pairs: Sequence[tuple[int, Unit, Unit]]) -> list[Unit]:
    """The texts that are scored twice. The sample depends on the pairs only, not on text ids."""
    texts = list(dict.fromkeys(text for _, *sides in pairs for text in sides))
    return [texts[i] for i in data.seeded_sample(len(texts), NOISE_SAMPLE, NOISE_SEED)]


def pre_name(study: Study) -> str:
    """The name of the pre-D model, as shown to users."""
    return study.pre.title


def post_name(study: Study) -> str:
    """The name of the post-D model, as shown to users."""
    if isinstance(study.post, ContinuedBackend):
        return f"{study.pre.title} + D"
    return study.post.title


def rewriter_name(study: Study) -> str:
    """The name of the source of the rewrites, as shown to users."""
    path = study.rewrites.path
    return Path(path).name if path is not None else study.rewriter.title


def compose(units: Sequence[int], sizes: Sequence[int], shape: Shape) -> list[list[int]]:
    """Batches of units of similar size, largest first: little padding, and failures show early."""
    order = sorted(range(len(units)), key=lambda i: (-sizes[i], units[i]))
    batches: list[list[int]] = []
    widest = 1
    for i in order:
        full = not batches or len(batches[-1]) >= shape.rows
        if full or (len(batches[-1]) + 1) * widest > shape.characters:
            batches.append([])
            widest = max(sizes[i], 1)
        batches[-1].append(units[i])
    return batches
