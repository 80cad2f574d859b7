"""Requests to a worker process. A request is sent over the pipe and executed in the worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from engine.backends.base import Model, RewardBackend
from engine.executors.worker import Worker
from engine.models.loading import computing
from engine.models.operations import Operation
from engine.models.protocols import OneByOne, Text

Answer = TypeVar("Answer")
ENDPOINT = "endpoint"


@dataclass(frozen=True)
class Request(Generic[Answer]):
    """`is_result`: a run that is asked to stop waits for this answer, which is work."""

    is_result: ClassVar[bool] = False

    @property
    def awaited(self) -> str:
        """What is waited for, as shown to users."""
        return "a worker process"

    def answer(self, worker: Worker) -> Answer:
        """Runs in the worker. Raises MachineError with a one-line message for users."""
        raise NotImplementedError


@dataclass(frozen=True)
class Devices(Request[list[str]]):
    """The devices to use for `auto`."""

    def answer(self, worker: Worker) -> list[str]:
        import torch

        if torch.cuda.is_available():
            return [f"cuda:{i}" for i in range(torch.cuda.device_count())]
        return ["auto"]


@dataclass(frozen=True)
class Where(Request[str]):
    """The worker's device for this model; `endpoint` if it runs on a server."""

    model: Model

    def answer(self, worker: Worker) -> str:
        if self.model.backend.remote:
            return ENDPOINT
        from engine.models.device import pick_device

        return pick_device(worker.device)


@dataclass(frozen=True)
class Identify(Request[dict[str, Any]]):
    """The model's fingerprint."""

    model: Model

    @property
    def awaited(self) -> str:
        return f"the fingerprint of {self.model.backend.title}"

    def answer(self, worker: Worker) -> dict[str, Any]:
        return worker.fingerprint(self.model)


@dataclass(frozen=True)
class Load(Request[None]):
    """Load this model, unless it is loaded already. `identity` is the fingerprint that results will
    be stored under: if the weights were replaced since, that is an error."""

    model: Model
    identity: dict[str, Any]

    @property
    def awaited(self) -> str:
        return f"{self.model.backend.title} to be loaded"

    def answer(self, worker: Worker) -> None:
        worker.load(self.model, self.identity)


@dataclass(frozen=True)
class Ask(Request[Any]):
    """One operation of the loaded model on the items of a batch. `source` names the model, `remote`
    says that it is on a server, where what an answer costs does not depend on the batch."""

    is_result: ClassVar[bool] = True

    operation: Operation[Any, Any]
    items: tuple[Any, ...]
    source: str = "a model"
    remote: bool = False

    @property
    def awaited(self) -> str:
        return f"an answer of {self.source}"

    def answer(self, worker: Worker) -> Any:
        assert worker.loaded is not None  # whoever asks has it loaded first
        if isinstance(worker.model, OneByOne):
            worker.model.heard = worker.heard
        with computing(worker.loaded[0].name):
            return self.operation.run(worker.model, self.items)


@dataclass(frozen=True)
class Train(Request[tuple[float, float | None]]):
    """Continue training a reward model on pairs; returns its agreement in sample and held out."""

    is_result: ClassVar[bool] = True

    base: Model
    identity: dict[str, Any]
    chosen: list[Text]
    rejected: list[Text]
    groups: list[str]
    penalty: float
    folder: str

    @property
    def awaited(self) -> str:
        return f"{self.base.backend.title} to be trained"

    def answer(self, worker: Worker) -> tuple[float, float | None]:
        backend = self.base.backend
        assert isinstance(backend, RewardBackend)  # the study file was checked
        pairs = (self.chosen, self.rejected)
        with computing(self.base.name):
            head = backend.train(pairs, self.groups, self.penalty, Path(self.folder), worker.device)
        worker.check(self.base, self.identity)
        return head.agreement, head.held_out_agreement
