"""Starting worker processes and giving them batches.

A worker that dies costs a batch, never the run: it is started again and the batch tried once more,
then in halves; a single text on which it dies again is set aside with the reason.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.models.errors import ModelError
from engine.models.specs import Spec
from engine.run import worker

_CONTEXT = multiprocessing.get_context("spawn")
LOST = "the worker died on this text"
NO_MEMORY = "out of memory on this text alone"


class WorkerDied(Exception):
    pass


class OutOfMemory(Exception):
    pass


class Stopped(Exception):
    """The run was asked to stop; finished batches stay."""


class WorkerProcess:
    """One child process and its pipe."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._start()

    def _start(self) -> None:
        self._pipe, child = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=worker.main, args=(child, self.device), daemon=True, name="seal-worker"
        )
        self._process.start()
        child.close()

    def ask(self, operation: str, *arguments: Any) -> Any:
        """One request. Raises ModelError, OutOfMemory, or WorkerDied (a new one is up by then)."""
        try:
            self._pipe.send((operation, arguments))
            verdict, value = self._pipe.recv()
        except (EOFError, OSError):
            self.close()
            self._start()
            raise WorkerDied from None
        if verdict == "ok":
            return value
        if verdict == "oom":
            raise OutOfMemory
        raise ModelError(value)

    def close(self) -> None:
        self._pipe.close()
        self._process.terminate()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


@dataclass(frozen=True)
class Job:
    """A batch for a worker: `units[i]` is the id of `items[i]`."""

    number: int
    units: tuple[int, ...]
    items: tuple[Any, ...]


@dataclass
class Outcome:
    """What came of a job: (units, result) parts, and the units that were set aside with why."""

    parts: list[tuple[tuple[int, ...], Any]] = field(default_factory=list)
    lost: dict[int, str] = field(default_factory=dict)


class Workers:
    """One process per device, started when first needed."""

    def __init__(self, devices: str) -> None:
        self._wanted = devices
        self._workers: list[WorkerProcess] = []

    def _up(self) -> list[WorkerProcess]:
        if not self._workers:
            if self._wanted == "auto":
                first = WorkerProcess("auto")
                self._workers.append(first)
                names = first.ask("devices")
                first.device = names[0]
                if names != ["auto"]:
                    first.close()
                    first._start()
            else:
                names = [name.strip() for name in self._wanted.split(",")]
                self._workers.append(WorkerProcess(names[0]))
            self._workers += [WorkerProcess(name) for name in names[1:]]
        return self._workers

    def ask(self, operation: str, *arguments: Any) -> Any:
        """One request to one worker, tried again once if the worker dies."""
        why = "died"
        for _ in range(2):
            try:
                return self._up()[0].ask(operation, *arguments)
            except WorkerDied:
                why = "died"
            except OutOfMemory:
                why = "ran out of memory"
        raise ModelError(
            f"the worker process {why} twice during {operation!r}; engine.log may say why"
        )

    def where(self, spec: Spec) -> str:
        """The devices that work on batches of this model, or `endpoint`."""
        first = str(self.ask("where", spec))
        devices = [first, *(process.device for process in self._up()[1:])]
        return first if first == "endpoint" else ", ".join(devices)

    def run(
        self,
        spec: Spec,
        method: str,
        extra: tuple[Any, ...],
        jobs: Sequence[Callable[[], Job]],
        finish: Callable[[Job, Outcome, float], None],
        stop: threading.Event,
    ) -> None:
        """Give every job to the next free worker; `finish` is called once per job.

        Raises Stopped when `stop` was set, ModelError when the model itself fails.
        """
        waiting: queue.SimpleQueue[Callable[[], Job]] = queue.SimpleQueue()
        for job in jobs:
            waiting.put(job)
        failures: list[BaseException] = []

        def serve(process: WorkerProcess) -> None:
            while not stop.is_set() and not failures:
                try:
                    job = waiting.get_nowait()()
                except queue.Empty:
                    return
                started = time.monotonic()
                try:
                    outcome = Outcome()
                    _attempt(process, spec, method, extra, job.units, job.items, outcome)
                    finish(job, outcome, time.monotonic() - started)
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
        if stop.is_set():
            raise Stopped

    def close(self) -> None:
        for process in self._workers:
            process.close()
        self._workers = []


def _attempt(
    process: WorkerProcess,
    spec: Spec,
    method: str,
    extra: tuple[Any, ...],
    units: tuple[int, ...],
    items: tuple[Any, ...],
    outcome: Outcome,
    tries: int = 2,
) -> None:
    """Fill `outcome`: whole, again after a death, then in halves down to single texts."""
    reason = NO_MEMORY
    for _ in range(tries):
        try:
            outcome.parts.append((units, process.ask("call", spec, method, items, *extra)))
            return
        except OutOfMemory:
            break  # the same batch would run out again
        except WorkerDied:
            reason = LOST
    if len(units) == 1:
        outcome.lost[units[0]] = reason
        return
    half = len(units) // 2
    for part in (slice(half), slice(half, None)):
        _attempt(process, spec, method, extra, units[part], items[part], outcome, tries=1)
