"""The progress of a run, which the pipeline writes and the server reads as snapshots."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from engine import __version__
from engine.errors import Kind, MachineError, SealError, of_kind
from engine.executors.protocol import Wait
from engine.run.left import Later, left
from engine.wire.messages import RunState, RunStatus, StageProgress
from engine.wire.version import contract

WAIT_S = 5.0  # a batch usually takes less
UNUSUAL_S = 1.0


@dataclass
class _Clock:
    """When a stage began in this process, and the number of units done before."""

    started: float
    done_before: int


@dataclass
class Progress:
    """Thread-safe. Every change increments the version; `wait` waits for a new one."""

    run_dir: str
    study: str
    _later: dict[str, Later] = field(default_factory=dict)
    _paces: dict[str, float] = field(default_factory=dict)
    _stages: dict[str, StageProgress] = field(default_factory=dict)
    _clocks: dict[str, _Clock] = field(default_factory=dict)
    _state: RunState = "idle"
    _counts: dict[str, int] = field(default_factory=dict)
    _rejects: dict[str, int] = field(default_factory=dict)
    _warnings: tuple[str, ...] = ()
    _error: SealError | None = None
    _stopping: bool = False
    _version: int = 0
    _revision: int = 0
    _began: float | None = None
    _elapsed: float = 0.0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _waits: Callable[[], Wait | None] = lambda: None

    def begin(
        self,
        stages: list[StageProgress],
        waits: Callable[[], Wait | None] = lambda: None,
        paced_as_before: bool = False,
    ) -> None:
        """Start a run with these stages, all waiting. `waits` tells what the run waits for.
        `paced_as_before`: it computes with the same models as the run before."""
        with self._changed:
            self._later = {}
            if not paced_as_before:
                self._paces = {}
            self._waits = waits
            self._stages = {stage.name: stage for stage in stages}
            self._clocks = {}
            self._counts, self._rejects = {}, {}
            self._error, self._stopping = None, False
            self._warnings = ()
            self._began = time.monotonic()
            self._set_state("running")

    def end(
        self,
        state: RunState,
        error: SealError | None = None,
        save: Callable[[RunStatus], None] = lambda status: None,
    ) -> None:
        """End the run. Watchers are notified only after `save` has stored the last status."""
        with self._changed:
            self._stopping = False
            if self._began is not None:
                self._elapsed = time.monotonic() - self._began
                self._began = None
            self._error = error
            if state == "failed":
                for name, stage in self._stages.items():
                    if stage.state == "running":
                        self._stages[name] = msgspec.structs.replace(stage, state="failed")
            self._set_state(state)
            try:
                save(self.snapshot())
            except MachineError as failure:
                # Without its manifest, the run is not complete.
                self._error = self._error or failure
                self._set_state(state if state != "done" else "failed")

    def expects(self, name: str) -> bool:
        return name in self._later

    def expect(self, name: str, later: Later) -> None:
        """What a later stage has to do."""
        with self._changed:
            self._later[name] = later
            self._notify()

    def start_stage(self, name: str, total: int, done: int = 0, where: str = "") -> None:
        with self._changed:
            self._clocks[name] = _Clock(time.monotonic(), done)
            self._replace(name, state="running", total=total, done=done, where=where)

    def advance(self, name: str, units: int) -> None:
        with self._changed:
            stage, clock = self._stages[name], self._clocks[name]
            seconds = time.monotonic() - clock.started
            done = stage.done + units
            rate = (done - clock.done_before) / seconds if seconds > 0 else None
            if rate:
                self._paces[name] = 1 / rate
            left = (stage.total - done) / rate if rate and stage.total else None
            self._replace(name, done=done, rate=rate, eta_s=left, seconds=seconds)

    def finish_stage(self, name: str, note: str = "") -> None:
        with self._changed:
            stage, clock = self._stages[name], self._clocks[name]
            seconds = time.monotonic() - clock.started
            if units := stage.total - clock.done_before:
                self._paces[name] = seconds / units
            self._replace(
                name, state="done", done=stage.total, eta_s=None, seconds=seconds, note=note
            )

    def skip_stage(self, name: str, note: str) -> None:
        """Mark a stage done that had nothing to do."""
        with self._changed:
            self._replace(name, state="done", note=note)

    def warn(self, warning: str) -> None:
        with self._changed:
            if warning not in self._warnings:
                self._warnings = (*self._warnings, warning)
                self._notify()

    def count(self, **counts: int) -> None:
        with self._changed:
            self._counts = {**self._counts, **counts}
            self._notify()

    def set_rejects(self, rejects: dict[str, int]) -> None:
        with self._changed:
            self._rejects = dict(rejects)
            self._notify()

    def stopping(self) -> None:
        """The run was asked to stop."""
        with self._changed:
            self._stopping = self._state == "running"
            self._notify()

    def decided(self, revision: int) -> None:
        """The log of decisions has this length; calls may come out of order."""
        with self._changed:
            if revision > self._revision:
                self._revision = revision
                self._notify()

    def restore(self, status: RunStatus, state: RunState) -> None:
        """Show an earlier run from its manifest, with this state."""
        with self._changed:
            self._stages = {stage.name: stage for stage in status.stages}
            self._counts, self._rejects = dict(status.counts), dict(status.rejects)
            self._warnings = status.warnings
            self._paces = {stage.name: 1 / stage.rate for stage in status.stages if stage.rate}
            for stage in status.stages:  # of a stage in one piece there is no rate
                if stage.state == "done" and stage.total == 1:
                    self._paces.setdefault(stage.name, stage.seconds)
            self._error = None
            if status.error is not None:
                self._error = of_kind(status.error_kind or Kind.FAULT, status.error)
            self._elapsed = status.elapsed_s
            self._set_state(state)

    def remeasured(
        self, before: Sequence[str], warnings: Sequence[str], counts: dict[str, int]
    ) -> None:
        """Update an earlier run whose measures were recomputed. Their warnings replace `before`."""
        with self._changed:
            others = [w for w in self._warnings if w not in before]
            self._warnings = tuple(dict.fromkeys([*others, *warnings]))
            self._counts = {**self._counts, **counts}
            if "measure" in self._stages:
                self._stages["measure"] = msgspec.structs.replace(
                    self._stages["measure"], state="done", done=1, total=1
                )
            self._error = None
            self._set_state("done")

    def snapshot(self) -> RunStatus:
        with self._changed:
            running = time.monotonic() - self._began if self._began is not None else self._elapsed
            stages = tuple(self._with_wait(stage) for stage in self._stages.values())
            on = self._state == "running"
            ahead = left(stages, self._later, self._paces) if on else None
            return RunStatus(
                version=self._version,
                run_dir=self.run_dir,
                study=self.study,
                state=self._state,
                stages=stages,
                counts=dict(self._counts),
                rejects=dict(self._rejects),
                warnings=self._warnings,
                error=None if self._error is None else str(self._error),
                error_kind=None if self._error is None else self._error.kind,
                stopping=self._stopping,
                revision=self._revision,
                elapsed_s=running,
                left_s=ahead.seconds if ahead else None,
                left_at_least=ahead.at_least if ahead else False,
                pid=os.getpid(),
                engine_version=__version__,
                contract=contract(),
            )

    def _with_wait(self, stage: StageProgress) -> StageProgress:
        """With what this stage waits for, if that is longer than usual."""
        if stage.state != "running" or self._state != "running":
            return stage
        wait = self._waits()
        seconds = 0.0 if wait is None else time.monotonic() - wait.since
        if wait is None or seconds < (UNUSUAL_S if wait.unusual else WAIT_S):
            return stage
        return msgspec.structs.replace(stage, waits_for=wait.what, waits_s=seconds)

    def wait(self, version: int, timeout: float) -> bool:
        """Wait until the version differs from `version`; False if nothing changed in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._version != version, timeout)

    def wake(self) -> None:
        """Wake all waiting threads, for example because the engine is shutting down."""
        with self._changed:
            self._notify()

    def _set_state(self, state: RunState) -> None:
        self._state = state
        self._notify()

    def _replace(self, name: str, **changes: object) -> None:
        self._stages[name] = msgspec.structs.replace(self._stages[name], **changes)
        self._notify()

    def _notify(self) -> None:
        self._version += 1
        self._changed.notify_all()
