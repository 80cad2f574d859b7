"""The state that the stages of a run share.

A run identifies texts by number, a dry run by content, because the texts of new data have no
numbers yet. `Work` is generic over that, so that a stage defines its texts only once.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from engine.backends.base import Model, ModelBackend, RewardBackend
from engine.backends.rewards.continued import ContinuedBackend
from engine.executors.protocol import Executor
from engine.executors.requests import Identify
from engine.models.errors import replaced
from engine.run import plan
from engine.run.progress import Progress
from engine.run.recorded import Recorded
from engine.store import Store, results
from engine.study import Study

Unit = TypeVar("Unit", int, str)


class Work(Generic[Unit]):
    """One study in one folder. `ingested` sets the pairs; stages add `producers` by role, and
    `rewrites`: (strategy, original, new text)."""

    def __init__(self, study: Study, folder: Path, store: Store, executor: Executor) -> None:
        self.study = study
        self.folder = folder
        self.store = store
        self.executor = executor
        self.dataset = ""
        self.pairs: Sequence[tuple[int, Unit, Unit]] = ()
        self.producers: dict[str, str] = {}
        self.rewrites: list[tuple[str, Unit, Unit]] = []

    def ingested(self, dataset: str, pairs: Sequence[tuple[int, Unit, Unit]]) -> None:
        self.dataset, self.pairs = dataset, pairs

    @cached_property
    def entries(self) -> list[Unit]:
        """Every text of the pairs, once."""
        return _texts(self.pairs)

    @cached_property
    def to_rewrite(self) -> list[Unit]:
        return _texts(plan.rewrite_sample(self.study, self.pairs))

    @property
    def rewritten(self) -> list[Unit]:
        return sorted({new for _, _, new in self.rewrites})

    def identify(self, role: str, model: Model, more: Mapping[str, Any]) -> str:
        """The producer of this role's results: the digest of the model's fingerprint and `more`."""
        raise NotImplementedError

    def model(self, backend: object) -> Model:
        assert isinstance(backend, ModelBackend), backend  # the study was checked
        return self.study.model(backend)

    def reward_model(self, role: str) -> Model | None:
        """The model that scores; None if it is still to be trained."""
        reward = self.study.pre if role == "pre" else self.study.post
        if not isinstance(reward, ContinuedBackend):
            return self.model(reward)
        folder = self.trained_folder(reward)
        base = self.study.pre
        assert isinstance(base, RewardBackend)  # the study file was checked
        return self.model(base.trained(folder)) if _record(folder).exists() else None

    def trained_folder(self, reward: ContinuedBackend) -> Path:
        """The folder of the model that this run trains."""
        name, _ = plan.training_key(reward.penalty, self.producers["pre"], self.dataset)
        return self.folder / "models" / f"post-{name}"

    def rewriters(self) -> list[str]:
        """The producers of the study's strategies, in their order."""
        return [self.producers[rewriter_role(s)] for s in self.study.rewrites.strategies]


class Run(Work[int]):
    """A real run. `notes` go into the manifest."""

    def __init__(
        self,
        study: Study,
        folder: Path,
        store: Store,
        executor: Executor,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        super().__init__(study, folder, store, executor)
        self.progress = progress
        self.stop = stop
        self.identities: dict[str, dict[str, Any]] = {}
        self.notes: dict[str, Any] = {}
        self.recorded = Recorded()

    def identify(self, role: str, model: Model, more: Mapping[str, Any]) -> str:
        """Raises MachineError if the model has changed since an earlier stage of this run."""
        identity = self.executor.ask(Identify(model))
        if self.identities.setdefault(role, identity) != identity:
            raise replaced(model.backend.title)
        return self.record_producer(role, model.backend.title, {**identity, **more})

    def record_producer(self, role: str, name: str, identity: Mapping[str, Any]) -> str:
        """Record the producer of a role, and return it."""
        producer, fingerprint = plan.producer(dict(identity))
        results.put_producer(self.store, producer, role, name, fingerprint)
        self.producers[role] = producer
        return producer


class DryRun(Work[str]):
    """A dry run computes and stores nothing. `upcoming`: the number of rewrites still to be
    written. Some may be refused, or equal to others, so it is an upper bound."""

    upcoming = 0

    def identify(self, role: str, model: Model, more: Mapping[str, Any]) -> str:
        identity = self.executor.ask(Identify(model))
        self.producers[role], _ = plan.producer({**identity, **more})
        return self.producers[role]


def _texts(pairs: Sequence[tuple[int, Unit, Unit]]) -> list[Unit]:
    """Both sides of the pairs, each text once."""
    return sorted({text for _, chosen, rejected in pairs for text in (chosen, rejected)})


def rewriter_role(strategy: str) -> str:
    """The role of a strategy's rewriter. Each strategy has its own producer, which includes its
    instruction."""
    return f"rewriter {strategy}"


def _record(folder: Path) -> Path:
    return folder / "training.json"
