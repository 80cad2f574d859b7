"""What a worker process holds: its device and at most one model."""

from __future__ import annotations

from typing import Any

from engine.backends.base import Model
from engine.models.errors import replaced


class Worker:
    """What requests work on. Holds at most one model."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.loaded: tuple[Model, dict[str, Any]] | None = None
        self.model: Any = None

    def load(self, model: Model, identity: dict[str, Any]) -> None:
        """Make `model` the one that is asked, if it is not.

        Raises MachineError when it is not the model that `identity`, its fingerprint, was taken of:
        its results would be stored under another model's name.
        """
        if self.loaded != (model, identity):
            self.model = self.loaded = None  # the old weights go before the new ones come
            built = model.build(self.device)
            self.check(model, identity)
            self.model, self.loaded = built, (model, identity)

    def check(self, model: Model, identity: dict[str, Any]) -> None:
        """Raises MachineError when this is no longer the fingerprint of the model."""
        if model.fingerprint(self.device) != identity:
            raise replaced(model.backend.title)
