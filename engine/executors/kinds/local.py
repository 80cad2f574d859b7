"""Worker processes on this machine, one per device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.executors.settings import ExecutorSettings

if TYPE_CHECKING:
    import threading

    from engine.executors.protocol import Executor


class LocalExecutor(ExecutorSettings, frozen=True, kw_only=True, tag="local"):
    devices: str = "auto"

    def start(self, stop: threading.Event) -> Executor:
        from engine.executors.workers import Workers

        return Workers(self.devices, self.batch_limit_s, stop)
