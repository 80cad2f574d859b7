"""What the stages of a run share: what is there already, and what they leave for each other.

`Work` is about texts by number, in a run, or by content, in a plan: those of new data have no
numbers yet. So a stage says once which texts are its own.
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
    """One study in one folder. `ingested` gives it the pairs; stages add `producers`, by role, and
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
        """The model that scores; None where it is still to be trained."""
        reward = self.study.pre if role == "pre" else self.study.post
        if not isinstance(reward, ContinuedBackend):
            return self.model(reward)
        folder = self.trained_folder(reward)
        base = self.study.pre
        assert isinstance(base, RewardBackend)  # the study file was checked
        return self.model(base.trained(folder)) if _record(folder).exists() else None

    def trained_folder(self, reward: ContinuedBackend) -> Path:
        """Where the model that this run trains lies."""
        name, _ = plan.training_key(reward.penalty, self.producers["pre"], self.dataset)
        return self.folder / "models" / f"post-{name}"

    def rewriters(self) -> list[str]:
        """The producers of the study's strategies, in their order."""
        return [self.producers[rewriter_role(s)] for s in self.study.rewrites.strategies]


class Run(Work[int]):
    """A run that computes. `notes` go into the manifest."""

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
        """Raises MachineError when the model is not the one that it was earlier in this run."""
        identity = self.executor.ask(Identify(model))
        if self.identities.setdefault(role, identity) != identity:
            raise replaced(model.backend.title)
        return self.play(role, model.backend.title, {**identity, **more})

    def play(self, role: str, name: str, identity: Mapping[str, Any]) -> str:
        """Record what plays a role; the producer."""
        producer, fingerprint = plan.producer(dict(identity))
        results.put_producer(self.store, producer, role, name, fingerprint)
        self.producers[role] = producer
        return producer


class Ahead(Work[str]):
    """A run that is only looked ahead at: nothing is computed or stored. `to_come`: rewrites that
    are still to be written; nobody knows how many will be accepted, or equal."""

    to_come = 0

    def identify(self, role: str, model: Model, more: Mapping[str, Any]) -> str:
        identity = self.executor.ask(Identify(model))
        self.producers[role], _ = plan.producer({**identity, **more})
        return self.producers[role]


def _texts(pairs: Sequence[tuple[int, Unit, Unit]]) -> list[Unit]:
    """Both sides of the pairs, each text once."""
    return sorted({text for _, chosen, rejected in pairs for text in (chosen, rejected)})


def rewriter_role(strategy: str) -> str:
    """Each strategy's rewrites have a producer of their own: what the rewriter is told is in it."""
    return f"rewriter {strategy}"


def _record(folder: Path) -> Path:
    return folder / "training.json"
