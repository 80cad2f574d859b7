"""What a run asks of an executor, whatever machines are behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from engine.backends.base import Model
from engine.executors.jobs import Job, Outcome
from engine.executors.requests import Request
from engine.models.operations import Operation

Answer = TypeVar("Answer")


class Executor(Protocol):
    """Made for one run; starts what it needs when it is first asked. Calls come from the run's
    thread, `kill` from any."""

    def ask(self, request: Request[Answer]) -> Answer:
        """One request to one worker. Raises MachineError, or Stopped once the run is to stop."""

    def where(self, model: Model) -> str:
        """The devices that work on batches of this model, for a reader, or `endpoint`."""

    def run(
        self,
        model: Model,
        identity: dict[str, Any],
        operation: Operation[Any, Any],
        jobs: Sequence[Callable[[], Job]],
        finish: Callable[[Job, Outcome, float], None],
    ) -> None:
        """Work on every job; `finish` is called once per job, with the seconds that it took, and
        may be called from several threads. Jobs are made late: they hold texts.

        Raises Stopped when the run was asked to stop, MachineError when the model itself fails.
        """

    def kill(self) -> None:
        """End all work at once; the run has been told to stop."""

    def close(self) -> None:
        """The run is over: let go of every process."""
