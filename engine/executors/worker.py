"""The state of a worker process: its device and at most one model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.backends.base import Model
from engine.models.errors import replaced
from engine.models.loading import loading


class Worker:
    """The state that requests use: at most one loaded model. `heard` passes on the answer to one
    item of a batch before the others are there."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.loaded: tuple[Model, dict[str, Any]] | None = None
        self.model: Any = None
        self.heard: Callable[[int, Any], None] = lambda at, answer: None

    def load(self, model: Model, identity: dict[str, Any]) -> None:
        """Load `model`, unless it is loaded already.

        Raises MachineError if its fingerprint is no longer `identity`: its results would be stored
        under the fingerprint of another model.
        """
        if self.loaded != (model, identity):
            self.model = self.loaded = None  # free the old weights before loading the new ones
            with loading(model.name):
                built = model.build(self.device)
            self.check(model, identity)
            self.model, self.loaded = built, (model, identity)

    def fingerprint(self, model: Model) -> dict[str, Any]:
        with loading(model.name):
            return model.fingerprint(self.device)

    def check(self, model: Model, identity: dict[str, Any]) -> None:
        """Raises MachineError if this is no longer the fingerprint of the model."""
        if self.fingerprint(model) != identity:
            raise replaced(model.backend.title)
