"""The study."""

from __future__ import annotations

from typing import Literal

from engine.wire.messages.base import Message


class FeatureInfo(Message, frozen=True, kw_only=True):
    name: str
    kind: Literal["bool", "sentiment"]
    role: Literal["target", "spoiler", "other"]
    regress: bool
    question: str


class ModelInfo(Message, frozen=True, kw_only=True):
    """One model of the study: `role` is pre, post, rewriter, embedder or `labeler NAME`."""

    role: str
    model: str
    detail: str


class ExportFormat(Message, frozen=True, kw_only=True):
    """One format of export. `default_path` is a name to propose; `has_rows` is false for a
    report."""

    name: str
    description: str
    default_path: str
    has_rows: bool


class StudyInfo(Message, frozen=True, kw_only=True):
    """`changed`: a run would compute something else than the results that are here. `usable`: the
    pairs of the data before a limit took a sample. `rewritten_used`: those of the `rewritten`
    pairs that are not below `min_cosine`. 0 where that is not known."""

    name: str
    dataset: str
    pairs: int
    features: tuple[FeatureInfo, ...]
    models: tuple[ModelInfo, ...]
    strategies: tuple[str, ...]
    preset: str
    presets: tuple[str, ...]
    tie_policy: str
    opinion: str
    min_cosine: float
    usable: int = 0
    rewritten: int = 0
    rewritten_used: int = 0
    changed: bool = False
    export_formats: tuple[ExportFormat, ...] = ()
