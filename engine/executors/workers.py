"""The local executor: starts worker processes and gives them batches.

A worker that dies is restarted. One that does not answer in time is killed, and handled like one
that died; `engine.executors.jobs` retries its batch.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from engine.backends.base import Model
from engine.errors import MachineError, of_kind
from engine.executors import devices
from engine.executors.jobs import (
    Job,
    Outcome,
    OutOfMemory,
    Stopped,
    WorkerDied,
    WorkerHung,
    attempt,
)
from engine.executors.process import main
from engine.executors.requests import ENDPOINT, Ask, Devices, Load, Request, Where
from engine.executors.settings import LONGEST_S
from engine.models.operations import Operation

_CONTEXT = multiprocessing.get_context("spawn")

Answer = TypeVar("Answer")


class WorkerProcess:
    """One child process and its pipe, started on first use."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._process: Any = None
        self._pipe: Any = None

    def ask(self, request: Request[Answer], limit_s: float | None = None) -> Answer:
        """Make one request, without a time limit by default.

        Raises SealError, OutOfMemory or WorkerDied; then the next request starts a new process.
        """
        if self._process is None:
            self._start()
        try:
            self._pipe.send(request)
            if not self._pipe.poll(limit_s):
                self.close(at_once=True)
                raise WorkerHung
            status, value = self._pipe.recv()
        except (EOFError, OSError):
            self.close()
            raise WorkerDied from None
        if status == "ok":
            answer: Answer = value
            return answer
        if status == "oom":
            raise OutOfMemory
        raise of_kind(status, value)

    def work(
        self,
        model: Model,
        identity: dict[str, Any],
        operation: Operation[Any, Any],
        items: tuple[Any, ...],
        limit_s: float,
    ) -> Any:
        """Run one operation of a model. The time limit does not apply to loading it, which may
        include a download."""
        self.ask(Load(model, identity))
        return self.ask(Ask(operation, items), limit_s)

    def kill(self) -> None:
        """Kill the process, from another thread. A pending `ask` then raises WorkerDied."""
        if (process := self._process) is not None:
            process.kill()

    def close(self, at_once: bool = False) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        self._pipe.close()
        if not at_once:
            process.terminate()
            process.join(5)
        if process.is_alive():
            process.kill()
            process.join()

    def _start(self) -> None:
        self._pipe, child = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=main, args=(child, self.device), daemon=True, name="seal-worker"
        )
        self._process.start()
        child.close()


class Workers:
    """One process per device, started on first use. `limit_s` is the time limit for a batch; `stop`
    is checked between batches and between retries."""

    def __init__(self, names: str, limit_s: float, stop: threading.Event) -> None:
        self._devices = names
        self._limit_s = min(
            limit_s, LONGEST_S
        )  # a folder of an older version may have a longer one
        self._stop = stop
        self._workers: list[WorkerProcess] = []

    def _started(self) -> list[WorkerProcess]:
        if not self._workers:
            names = list(devices.names(self._devices, "executor.devices"))
            if names == [devices.AUTO]:
                first = WorkerProcess(devices.AUTO)
                self._workers.append(first)
                names = first.ask(Devices())
                if names != [devices.AUTO]:
                    first.close()
                    first.device = names[0]
            else:
                self._workers.append(WorkerProcess(names[0]))
            self._workers += [WorkerProcess(name) for name in names[1:]]
        return self._workers

    def ask(self, request: Request[Answer]) -> Answer:
        """Make one request to one worker; retried once if the worker dies. Raises Stopped if it
        died because the run is stopping."""
        problem = "died"
        for _ in range(2):
            try:
                return self._started()[0].ask(request)
            except WorkerDied:
                problem = "died"
            except OutOfMemory:
                problem = "ran out of memory"
            if self._stop.is_set():
                raise Stopped
        raise MachineError(
            f"the worker process {problem} twice during {type(request).__name__.lower()!r}; "
            "see engine.log"
        )

    def where(self, model: Model) -> str:
        """The devices that run this model, or `endpoint`."""
        first = self.ask(Where(model))
        others = [process.device for process in self._started()[1:]]
        return first if first == ENDPOINT else ", ".join([first, *others])

    def run(
        self,
        model: Model,
        identity: dict[str, Any],
        operation: Operation[Any, Any],
        jobs: Sequence[Callable[[], Job]],
        finish: Callable[[Job, Outcome, float], None],
    ) -> None:
        """Give every job to the next free worker; `finish` is called once per job.

        Raises Stopped if the run is stopping, SealError if the model itself fails.
        """
        waiting: queue.SimpleQueue[Callable[[], Job]] = queue.SimpleQueue()
        for job in jobs:
            waiting.put(job)
        failures: list[BaseException] = []

        def serve(process: WorkerProcess) -> None:
            def ask(items: tuple[Any, ...]) -> Any:
                if self._stop.is_set():
                    raise Stopped
                return process.work(model, identity, operation, items, self._limit_s)

            while not self._stop.is_set() and not failures:
                try:
                    job = waiting.get_nowait()()
                except queue.Empty:
                    return
                started = time.monotonic()
                try:
                    outcome = attempt(ask, job.units, job.items)
                    finish(job, outcome, time.monotonic() - started)
                except Stopped:
                    return
                except BaseException as error:
                    failures.append(error)
                    return

        threads = [threading.Thread(target=serve, args=(process,)) for process in self._started()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        if self._stop.is_set():
            raise Stopped

    def kill(self) -> None:
        """Kill every worker, even during a batch; the run must already be stopping."""
        for process in self._workers:
            process.kill()

    def close(self) -> None:
        for process in self._workers:
            process.close()
        self._workers = []
