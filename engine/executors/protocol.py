"""The interface between a run and an executor, independent of the machines it uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from engine.backends.base import Model
from engine.executors.jobs import Job, Outcome
from engine.executors.requests import Request
from engine.models.operations import Operation

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Wait:
    """Since when (`time.monotonic`) and for what an executor waits. `unusual`: it will not come by
    itself."""

    since: float
    what: str
    unusual: bool = False


class Executor(Protocol):
    """Created for one run; starts its processes on first use. All methods are called from the run's
    thread, except `kill` and `waiting`, which may be called from any."""

    def ask(self, request: Request[Answer]) -> Answer:
        """One request to one worker. Raises MachineError, or Stopped once the run is stopping."""

    def where(self, model: Model) -> str:
        """The devices that run this model, as shown to users, or `endpoint`."""

    def run(
        self,
        model: Model,
        identity: dict[str, Any],
        operation: Operation[Any, Any],
        jobs: Sequence[Callable[[], Job]],
        finish: Callable[[Job, Outcome, float], None],
    ) -> None:
        """Run every job. `finish` is called once per job with its duration in seconds, possibly
        from several threads. Jobs are created late because they hold texts. The outcome of a job
        may lack texts, if the run ends before a server answered them.

        Raises Stopped if the run is stopping, MachineError if the model itself fails.
        """

    def waiting(self) -> Wait | None:
        """What it has been waiting for longest; None if nothing."""

    def kill(self) -> None:
        """Abort all work immediately; the run is already stopping."""

    def close(self) -> None:
        """End every process: the run is over."""
