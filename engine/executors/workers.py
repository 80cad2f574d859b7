"""The local executor: starts worker processes and gives them batches.

A worker that dies is restarted. One that does not answer in time is killed, and handled like one
that died; `engine.executors.jobs` retries its batch.
"""

from __future__ import annotations

import math
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
    Heard,
    Job,
    Outcome,
    OutOfMemory,
    Stopped,
    WorkerDied,
    WorkerHung,
    attempt,
    nobody,
)
from engine.executors.process import main
from engine.executors.protocol import Wait
from engine.executors.requests import ENDPOINT, Ask, Devices, Load, Request, Where
from engine.executors.settings import LONGEST_S
from engine.models.operations import Operation
from engine.processes import is_suspended, transferred

_CONTEXT = multiprocessing.get_context("spawn")

LOOK_S = 0.1
PROGRESS = 2**20  # bytes; less within the limit is no progress of a load
STOP_GRACE_S = 2.0  # how long a run that stops waits for a server

Answer = TypeVar("Answer")


class _Asked:
    """A request that is being answered: when the process was last heard of, and when it is late.
    What is no result has a limit too, `load_limit_s`, which bytes that are read extend: it may
    include a download."""

    def __init__(
        self, request: Request[Any], limit_s: float | None, load_limit_s: float, pid: int
    ) -> None:
        self.request = request
        self.last = time.monotonic()
        self.late = False
        self._loads_s = None if limit_s is not None or request.is_result else load_limit_s
        self._pid = pid
        self._bytes = 0 if self._loads_s is None else transferred(pid) or 0
        limit = limit_s if self._loads_s is None else self._loads_s
        self._deadline = math.inf if limit is None else self.last + limit

    def look(self) -> None:
        """Notice whether it is late."""
        now = time.monotonic()
        if self.late or now <= self._deadline:
            return
        if self._loads_s is not None:
            moved = transferred(self._pid)
            if moved is None or moved - self._bytes >= PROGRESS:
                self._bytes = moved or 0
                self._deadline = now + self._loads_s
                return
        self.late = True

    def gone(self) -> Exception:
        """What to raise when the process died."""
        if not self.late:
            return WorkerDied()
        if self._loads_s is None:
            return WorkerHung()
        return MachineError(
            f"waited for {self.request.awaited}: nothing was read for {self._loads_s:g} s; see "
            "whether its files and the model hub can be reached and its chat template ends, or "
            "raise executor.load_limit_s"
        )


class WorkerProcess:
    """One child process and its pipe, started on first use."""

    def __init__(self, device: str, load_limit_s: float = LONGEST_S) -> None:
        self.device = device
        self._load_limit_s = load_limit_s
        self._process: Any = None
        self._pipe: Any = None
        self._asked: _Asked | None = None

    def ask(
        self, request: Request[Answer], limit_s: float | None = None, heard: Heard = nobody
    ) -> Answer:
        """Make one request; a result has no time limit by default. `heard` gets the answers to
        single items that come before the others.

        Raises SealError, OutOfMemory or WorkerDied; after a death or a limit the next request
        starts a new process.
        """
        if self._process is None:
            self._start()
        asked = self._asked = _Asked(request, limit_s, self._load_limit_s, self._process.pid)
        try:
            # Both may take for ever with a process that is suspended: `look` kills it then.
            self._pipe.send(request)
            status, value = self._pipe.recv()
            while status == "part":
                asked.last = time.monotonic()
                heard(*value)
                status, value = self._pipe.recv()
        except (EOFError, OSError):
            self.close()
            raise asked.gone() from None
        finally:
            self._asked = None
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
        heard: Heard,
    ) -> Any:
        """Run one operation of a model. Loading it has a limit of its own."""
        self.ask(Load(model, identity))
        backend = model.backend
        return self.ask(Ask(operation, items, backend.source, backend.remote), limit_s, heard)

    def waiting(self) -> Wait | None:
        """What it waits for, since when."""
        asked, process = self._asked, self._process
        if asked is None or process is None:
            return None
        if is_suspended(process.pid):
            pid = process.pid
            what = f"worker process {pid}, which is suspended (kill -CONT {pid} continues it)"
            return Wait(asked.last, what, unusual=True)
        return Wait(asked.last, asked.request.awaited)

    def look(self, stopped_s: float | None) -> None:
        """Kill the process if its answer is late, or not worth waiting for when the run has been
        stopping for so long."""
        asked, process = self._asked, self._process
        if asked is None or process is None:
            return
        asked.look()
        if asked.late or (
            stopped_s is not None and _hopeless(asked.request, process.pid, stopped_s)
        ):
            process.kill()

    def kill(self) -> None:
        """Kill the process, from another thread. A pending `ask` then raises WorkerDied."""
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        self._pipe.close()
        if not is_suspended(process.pid):
            process.terminate()
            process.join(5)
        if process.is_alive():
            process.kill()
            process.join()

    def _start(self) -> None:
        """Raises MachineError if the system has no room for another process."""
        try:
            pipe, child = _CONTEXT.Pipe()
            with child:
                process = _CONTEXT.Process(
                    target=main, args=(child, self.device), daemon=True, name="seal-worker"
                )
                process.start()
        except OSError as error:
            raise MachineError(f"a worker process cannot be started: {error.strerror}") from None
        self._pipe, self._process = pipe, process


def _hopeless(request: Request[Any], pid: int, stopped_s: float) -> bool:
    """Whether a run that has been stopping for so long does not wait for this answer."""
    if isinstance(request, Ask) and request.remote:  # the answers that are there are kept
        return stopped_s > STOP_GRACE_S
    return not request.is_result or is_suspended(pid)


class Workers:
    """One process per device, started on first use. `limit_s` is the time limit for a batch,
    `load_limit_s` that for loading a model without reading anything; `stop` is checked between
    batches and between retries."""

    def __init__(
        self, names: str, limit_s: float, stop: threading.Event, load_limit_s: float = LONGEST_S
    ) -> None:
        self._devices = names
        self._load_limit_s = min(load_limit_s, LONGEST_S)
        self._limit_s = min(
            limit_s, LONGEST_S
        )  # a folder of an older version may have a longer one
        self._stop = stop
        self._workers: list[WorkerProcess] = []
        self._closed = threading.Event()

    def _started(self) -> list[WorkerProcess]:
        if not self._workers:
            names = list(devices.names(self._devices, "executor.devices"))
            self._closed.clear()
            threading.Thread(target=self._watch, name="watch", daemon=True).start()
            if names == [devices.AUTO]:
                first = WorkerProcess(devices.AUTO, self._load_limit_s)
                self._workers.append(first)
                names = first.ask(Devices())
                if names != [devices.AUTO]:
                    first.close()
                    first.device = names[0]
            else:
                self._workers.append(WorkerProcess(names[0], self._load_limit_s))
            self._workers += [WorkerProcess(name, self._load_limit_s) for name in names[1:]]
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
            f"the worker process {problem} twice while it was asked for {request.awaited}; "
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
            def ask(items: tuple[Any, ...], heard: Heard) -> Any:
                if self._stop.is_set():
                    raise Stopped
                return process.work(model, identity, operation, items, self._limit_s, heard)

            while not self._stop.is_set() and not failures:
                try:
                    job = waiting.get_nowait()()
                except queue.Empty:
                    return
                started = time.monotonic()
                outcome = Outcome()
                try:
                    try:
                        attempt(ask, job.units, job.items, outcome)
                    finally:
                        # Results of a local model depend on their batch: all or none are kept.
                        partly = model.backend.remote and outcome.parts
                        if partly or not outcome.rest(job.units):
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

    def waiting(self) -> Wait | None:
        """The wait of the process that has been waiting longest."""
        waits = [wait for process in self._workers if (wait := process.waiting()) is not None]
        return min(waits, key=lambda wait: wait.since, default=None)

    def _watch(self) -> None:
        stopped: float | None = None
        while not self._closed.wait(LOOK_S):
            now = time.monotonic()
            if self._stop.is_set() and stopped is None:
                stopped = now
            for process in self._workers:
                process.look(None if stopped is None else now - stopped)

    def kill(self) -> None:
        """Kill every worker, even during a batch; the run must already be stopping."""
        for process in self._workers:
            process.kill()

    def close(self) -> None:
        self._closed.set()
        for process in self._workers:
            process.close()
        self._workers = []
