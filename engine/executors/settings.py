"""The base of executors: their settings in `[executor]`, and `start`, which a run calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from engine.errors import BadInput
from engine.registry import Registry, required
from engine.settings import Place, Section, within

if TYPE_CHECKING:
    import threading
    from typing import Self

    from engine.executors.protocol import Executor


LONGEST_S = 604_800  # a week; what waits takes no time without end


class ExecutorSettings(Section, frozen=True, kw_only=True, tag_field="kind"):
    """A worker that does not answer within `batch_limit_s` seconds is killed, and its batch is
    retried in parts; one that loads a model and transfers nothing for `load_limit_s` is killed, and
    the run ends. `dtype` is the number format of local models."""

    batch_limit_s: float = 900.0
    load_limit_s: float = 900.0
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"

    @property
    def kind(self) -> str:
        return str(type(self).__struct_config__.tag)

    def resolved(self, place: Place) -> Self:
        """Raises BadInput for a value out of range."""
        within(place.key("batch_limit_s"), self.batch_limit_s, 1, LONGEST_S)
        within(place.key("load_limit_s"), self.load_limit_s, 1, LONGEST_S)
        return self

    def missing(self) -> str | None:
        """What this machine lacks of it, in one line; None if nothing is. May load torch."""
        return None

    def result_settings(self) -> Self:
        """A copy with only the settings that affect results: time limits do not."""
        return msgspec.structs.replace(self, batch_limit_s=0.0, load_limit_s=0.0)

    @required
    def start(self, stop: threading.Event) -> Executor:
        """Workers for one run, started on first use. They end once `stop` is set."""
        raise NotImplementedError


class AbsentExecutor(ExecutorSettings, frozen=True, kw_only=True):
    """An executor of a run folder that this installation does not have."""

    settings: dict[str, Any]
    problem: str

    @property
    def kind(self) -> str:
        return str(self.settings.get("kind"))

    def start(self, stop: threading.Event) -> Executor:
        raise BadInput(self.problem)


EXECUTORS = Registry("executor", ExecutorSettings, "engine.executors.kinds")
