"""Worker processes on this machine, one per device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import MachineError
from engine.executors import devices
from engine.executors.settings import ExecutorSettings
from engine.settings import Place

if TYPE_CHECKING:
    import threading
    from typing import Self

    from engine.executors.protocol import Executor


class LocalExecutor(ExecutorSettings, frozen=True, kw_only=True, tag="local"):
    devices: str = "auto"

    def resolved(self, place: Place) -> Self:
        devices.names(self.devices, place.key("devices"))
        return super().resolved(place)

    def missing(self) -> str | None:
        from engine.models.device import pick_device

        try:
            for name in devices.names(self.devices, "executor.devices"):
                pick_device(name)
        except MachineError as error:
            return str(error)
        return None

    def start(self, stop: threading.Event) -> Executor:
        from engine.executors.workers import Workers

        return Workers(self.devices, self.batch_limit_s, stop, self.load_limit_s)
