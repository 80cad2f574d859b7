"""The local executor: starting worker processes and giving them batches.

A worker that dies is started again. One that gives no answer for too long is killed, and then it
is a worker that died; what becomes of its batch is in `engine.executors.jobs`.
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
from engine.models.operations import Operation

_CONTEXT = multiprocessing.get_context("spawn")

Answer = TypeVar("Answer")


class WorkerProcess:
    """One child process and its pipe, started when it is first asked something."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._process: Any = None
        self._pipe: Any = None

    def ask(self, request: Request[Answer], limit_s: float | None = None) -> Answer:
        """One request, with as much time as it takes where no limit is given.

        Raises SealError, OutOfMemory, or WorkerDied: the next request starts a new process.
        """
        if self._process is None:
            self._start()
        try:
            self._pipe.send(request)
            if not self._pipe.poll(limit_s):
                self.close(at_once=True)
                raise WorkerHung
            verdict, value = self._pipe.recv()
        except (EOFError, OSError):
            self.close()
            raise WorkerDied from None
        if verdict == "ok":
            answer: Answer = value
            return answer
        if verdict == "oom":
            raise OutOfMemory
        raise of_kind(verdict, value)

    def work(
        self,
        model: Model,
        identity: dict[str, Any],
        operation: Operation[Any, Any],
        items: tuple[Any, ...],
        limit_s: float,
    ) -> Any:
        """One operation of a model. Loading it may take its time, a download for instance; what it
        then does with a batch may not."""
        self.ask(Load(model, identity))
        return self.ask(Ask(operation, items), limit_s)

    def kill(self) -> None:
        """From another thread: whoever waits for this worker's answer sees it die."""
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
    """One process per device, started when first needed. `limit_s` is the longest that a batch
    may take; `stop` is looked at between batches and between the tries of one."""

    def __init__(self, devices: str, limit_s: float, stop: threading.Event) -> None:
        self._wanted = devices
        self._limit_s = limit_s
        self._stop = stop
        self._workers: list[WorkerProcess] = []

    def _up(self) -> list[WorkerProcess]:
        if not self._workers:
            if self._wanted == "auto":
                first = WorkerProcess("auto")
                self._workers.append(first)
                names = first.ask(Devices())
                if names != ["auto"]:
                    first.close()
                    first.device = names[0]
            else:
                names = [name.strip() for name in self._wanted.split(",")]
                self._workers.append(WorkerProcess(names[0]))
            self._workers += [WorkerProcess(name) for name in names[1:]]
        return self._workers

    def ask(self, request: Request[Answer]) -> Answer:
        """One request to one worker, tried again once if the worker dies. Raises Stopped when it
        died because the run was asked to stop."""
        why = "died"
        for _ in range(2):
            try:
                return self._up()[0].ask(request)
            except WorkerDied:
                why = "died"
            except OutOfMemory:
                why = "ran out of memory"
            if self._stop.is_set():
                raise Stopped
        raise MachineError(
            f"the worker process {why} twice during {type(request).__name__.lower()!r}; "
            "engine.log may say why"
        )

    def where(self, model: Model) -> str:
        """The devices that work on batches of this model, or `endpoint`."""
        first = self.ask(Where(model))
        devices = [first, *(process.device for process in self._up()[1:])]
        return first if first == ENDPOINT else ", ".join(devices)

    def run(
        self,
        model: Model,
        identity: dict[str, Any],
        operation: Operation[Any, Any],
        jobs: Sequence[Callable[[], Job]],
        finish: Callable[[Job, Outcome, float], None],
    ) -> None:
        """Give every job to the next free worker; `finish` is called once per job.

        Raises Stopped when the run was asked to stop, SealError when the model itself fails.
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

        threads = [threading.Thread(target=serve, args=(process,)) for process in self._up()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        if self._stop.is_set():
            raise Stopped

    def kill(self) -> None:
        """End every worker in the middle of what it does; the run must have been told to stop."""
        for process in self._workers:
            process.kill()

    def close(self) -> None:
        for process in self._workers:
            process.close()
        self._workers = []
