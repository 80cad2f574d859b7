"""How far a run is: one place that the pipeline writes and the server reads as snapshots."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from engine import __version__
from engine.errors import Kind, MachineError, SealError, of_kind
from engine.wire.messages import RunState, RunStatus, StageProgress
from engine.wire.version import contract


@dataclass
class _Clock:
    """When a stage began in this process, and how much was done by then."""

    started: float
    done_before: int


@dataclass
class Progress:
    """Thread-safe. Every change makes a new version; `wait` sleeps until there is one."""

    run_dir: str
    study: str
    _stages: dict[str, StageProgress] = field(default_factory=dict)
    _clocks: dict[str, _Clock] = field(default_factory=dict)
    _state: RunState = "idle"
    _counts: dict[str, int] = field(default_factory=dict)
    _rejects: dict[str, int] = field(default_factory=dict)
    _warnings: tuple[str, ...] = ()
    _error: SealError | None = None
    _stopping: bool = False
    _version: int = 0
    _began: float | None = None
    _elapsed: float = 0.0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, stages: list[StageProgress]) -> None:
        """A run starts with these stages, all waiting."""
        with self._changed:
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
        keep: Callable[[RunStatus], None] = lambda status: None,
    ) -> None:
        """The run is over. Nobody is told before `keep` has put the last status by."""
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
                keep(self.snapshot())
            except OSError as failure:
                # What it would have said is lost, so this is no finished run.
                self._error = self._error or MachineError(
                    f"the manifest cannot be written: {failure.strerror}"
                )
                self._set_state(state if state != "done" else "failed")

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
            left = (stage.total - done) / rate if rate else None
            self._replace(name, done=done, rate=rate, eta_s=left, seconds=seconds)

    def finish_stage(self, name: str, note: str = "") -> None:
        with self._changed:
            stage, clock = self._stages[name], self._clocks[name]
            seconds = time.monotonic() - clock.started
            self._replace(
                name, state="done", done=stage.total, eta_s=None, seconds=seconds, note=note
            )

    def skip_stage(self, name: str, note: str) -> None:
        """Nothing was left to do for this stage."""
        with self._changed:
            self._replace(name, state="done", note=note)

    def warn(self, warning: str) -> None:
        with self._changed:
            if warning not in self._warnings:
                self._warnings = (*self._warnings, warning)
                self._touch()

    def count(self, **counts: int) -> None:
        with self._changed:
            self._counts = {**self._counts, **counts}
            self._touch()

    def set_rejects(self, rejects: dict[str, int]) -> None:
        with self._changed:
            self._rejects = dict(rejects)
            self._touch()

    def stopping(self) -> None:
        """The run was asked to stop."""
        with self._changed:
            self._stopping = self._state == "running"
            self._touch()

    def restore(self, status: RunStatus, state: RunState) -> None:
        """Show a run of the past, as its manifest tells it; `state` is what it is now."""
        with self._changed:
            self._stages = {stage.name: stage for stage in status.stages}
            self._counts, self._rejects = dict(status.counts), dict(status.rejects)
            self._warnings = status.warnings
            self._error = None
            if status.error is not None:
                self._error = of_kind(status.error_kind or Kind.FAULT, status.error)
            self._elapsed = status.elapsed_s
            self._set_state(state)

    def remeasured(
        self, before: Sequence[str], warnings: Sequence[str], counts: dict[str, int]
    ) -> None:
        """A run of the past has new measures: their warnings in place of those `before`."""
        with self._changed:
            kept = [w for w in self._warnings if w not in before]
            self._warnings = tuple(dict.fromkeys([*kept, *warnings]))
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
            return RunStatus(
                version=self._version,
                run_dir=self.run_dir,
                study=self.study,
                state=self._state,
                stages=tuple(self._stages.values()),
                counts=dict(self._counts),
                rejects=dict(self._rejects),
                warnings=self._warnings,
                error=None if self._error is None else str(self._error),
                error_kind=None if self._error is None else self._error.kind,
                stopping=self._stopping,
                elapsed_s=running,
                pid=os.getpid(),
                engine_version=__version__,
                contract=contract(),
            )

    def wait(self, seen: int, timeout: float) -> bool:
        """Sleep until the version is not `seen`; False when nothing changed in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._version != seen, timeout)

    def wake(self) -> None:
        """Release everyone who waits, for instance because the engine leaves."""
        with self._changed:
            self._touch()

    def _set_state(self, state: RunState) -> None:
        self._state = state
        self._touch()

    def _replace(self, name: str, **changes: object) -> None:
        self._stages[name] = msgspec.structs.replace(self._stages[name], **changes)
        self._touch()

    def _touch(self) -> None:
        self._version += 1
        self._changed.notify_all()
