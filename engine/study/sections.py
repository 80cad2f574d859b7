"""The tables of a study, except for those of models and executors (`engine.backends`)."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine import strategies, taxonomy
from engine.backends.base import Backend, Model, ModelBackend, RewardSettings, Use
from engine.data.options import GROUPING, NBEST, Columns, Grouping, NBest, Options
from engine.executors.settings import ExecutorSettings
from engine.results.choices import (
    MIN_COSINE,
    OPINION_RULE,
    PRESET,
    TIE_POLICY,
    OpinionRule,
    Preset,
    TiePolicy,
)
from engine.settings import Section


class Data(Section, frozen=True, kw_only=True):
    """`path` (a file or folder) or `dataset` (a hub name). `limit` 0 means all pairs."""

    path: str | None = None
    dataset: str | None = None
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    limit: int = 0
    seed: int = 7
    max_reject_share: float = 0.05
    columns: Columns = Columns()
    ignore: tuple[str, ...] = ()
    nbest: NBest = NBEST
    groups: Grouping = GROUPING

    @property
    def options(self) -> Options:
        """How rows are to be read."""
        return Options(self.columns, frozenset(self.ignore), self.nbest)


class Rewrites(Section, frozen=True, kw_only=True):
    """`sample` pairs are rewritten, both sides, once per strategy; 0 skips robustness. With `path`,
    rewrites are read from a file instead, with their labels, rewards and similarities."""

    path: str | None = None
    strategies: tuple[str, ...] = strategies.DEFAULT
    sample: int = 1608
    seed: int = 7
    scope: Literal["response", "transcript"] = "response"
    min_cosine: float = MIN_COSINE

    @property
    def enabled(self) -> bool:
        return self.path is not None or self.sample > 0


class Measures(Section, frozen=True, kw_only=True):
    preset: Preset = PRESET
    tie_policy: TiePolicy = TIE_POLICY
    opinion: OpinionRule = OPINION_RULE


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """A complete study with absolute paths."""

    name: str
    data: Data
    features: tuple[taxonomy.Feature, ...]
    labelers: dict[str, Backend]
    pre: RewardSettings
    post: RewardSettings
    rewriter: Backend
    rewrites: Rewrites
    embedder: Backend
    measures: Measures
    executor: ExecutorSettings

    def backends(self) -> dict[str, Backend]:
        """Every back end that a run of this study uses, by its table in the study file."""
        backends: dict[str, Backend] = {f"labelers.{name}": b for name, b in self.labelers.items()}
        backends |= {"rewards.pre": self.pre, "rewards.post": self.post}
        if self.rewrites.path is None and self.rewrites.sample:
            backends |= {"rewriter": self.rewriter, "embedder": self.embedder}
        return backends

    def model(self, backend: ModelBackend) -> Model:
        """A back end of this study, with the settings of the study that affect it."""
        return Model(backend, Use(self.features, self.executor.dtype, self.rewrites.scope))
