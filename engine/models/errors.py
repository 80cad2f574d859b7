"""What goes wrong with models, in words for a person."""

from __future__ import annotations

from engine.errors import MachineError


def replaced(model: str) -> MachineError:
    """What is on disk is no longer what this run began with."""
    return MachineError(
        f"{model} was replaced on disk during the run; run again to compute with the new weights"
    )
