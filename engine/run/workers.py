"""Starting worker processes and giving them batches.

A worker that dies costs a batch, never the run: it is started again and the batch tried once more,
then in halves; a single text on which it dies again is set aside with the reason. One that gives
no answer for too long is killed, and then it is a worker that died.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.errors import MachineError, of_kind
from engine.models.specs import Spec
from engine.run import worker

_CONTEXT = multiprocessing.get_context("spawn")
LOST = "the worker died on this text"
HUNG = "the worker gave no answer for this text in time"
NO_MEMORY = "out of memory on this text alone"


class WorkerDied(Exception):
    reason = LOST


class WorkerHung(WorkerDied):
    """It was killed because it gave no answer in time."""

    reason = HUNG


class OutOfMemory(Exception):
    pass


class Stopped(Exception):
    """The run was asked to stop; finished batches stay."""


class WorkerProcess:
    """One child process and its pipe, started when it is first asked something."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._process: Any = None
        self._pipe: Any = None

    def ask(self, operation: str, *arguments: Any, limit_s: float | None = None) -> Any:
        """One request, with as much time as it takes where no limit is given.

        Raises SealError, OutOfMemory, or WorkerDied: the next request starts a new process.
        """
        if self._process is None:
            self._start()
        try:
            self._pipe.send((operation, arguments))
            if not self._pipe.poll(limit_s):
                self.close(at_once=True)
                raise WorkerHung
            verdict, value = self._pipe.recv()
        except (EOFError, OSError):
            self.close()
            raise WorkerDied from None
        if verdict == "ok":
            return value
        if verdict == "oom":
            raise OutOfMemory
        raise of_kind(verdict, value)

    def call(
        self, spec: Spec, identity: dict[str, Any], limit_s: float, method: str, *arguments: Any
    ) -> Any:
        """One method of a model. Loading it may take its time, a download for instance; what it
        then does with a batch may not."""
        self.ask("load", spec, identity)
        return self.ask("call", method, *arguments, limit_s=limit_s)

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
            target=worker.main, args=(child, self.device), daemon=True, name="seal-worker"
        )
        self._process.start()
        child.close()


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
                names = first.ask("devices")
                if names != ["auto"]:
                    first.close()
                    first.device = names[0]
            else:
                names = [name.strip() for name in self._wanted.split(",")]
                self._workers.append(WorkerProcess(names[0]))
            self._workers += [WorkerProcess(name) for name in names[1:]]
        return self._workers

    def ask(self, operation: str, *arguments: Any) -> Any:
        """One request to one worker, tried again once if the worker dies. Raises Stopped when it
        died because the run was asked to stop."""
        why = "died"
        for _ in range(2):
            try:
                return self._up()[0].ask(operation, *arguments)
            except WorkerDied:
                why = "died"
            except OutOfMemory:
                why = "ran out of memory"
            if self._stop.is_set():
                raise Stopped
        raise MachineError(
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
        identity: dict[str, Any],
        method: str,
        extra: tuple[Any, ...],
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
                return process.call(spec, identity, self._limit_s, method, items, *extra)

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


def attempt(
    ask: Callable[[tuple[Any, ...]], Any], units: tuple[int, ...], items: tuple[Any, ...]
) -> Outcome:
    """What `ask` makes of a batch: whole, again after a death, then in halves down to texts.

    Where no half dies, it was not the texts that killed the worker, and the batch is asked for
    whole once more: a reward depends a little on its batch, and a kill must leave no trace."""
    outcome = Outcome()
    killed = False

    def watched(part: tuple[Any, ...]) -> Any:
        nonlocal killed
        try:
            return ask(part)
        except WorkerDied as death:
            killed = killed or not isinstance(death, WorkerHung)
            raise

    _attempt(watched, units, items, outcome, tries=2)
    if killed and len(outcome.parts) > 1 and not outcome.lost:
        with contextlib.suppress(WorkerDied, OutOfMemory):  # then the halves will do
            return Outcome([(units, ask(items))])
    return outcome


def _attempt(
    ask: Callable[[tuple[Any, ...]], Any],
    units: tuple[int, ...],
    items: tuple[Any, ...],
    outcome: Outcome,
    tries: int,
) -> None:
    reason = NO_MEMORY
    for _ in range(tries):
        try:
            outcome.parts.append((units, ask(items)))
            return
        except OutOfMemory:
            break  # the same batch would run out again
        except WorkerDied as death:
            reason = death.reason
    if len(units) == 1:
        outcome.lost[units[0]] = reason
        return
    half = len(units) // 2
    for part in (slice(half), slice(half, None)):
        _attempt(ask, units[part], items[part], outcome, tries=1)
