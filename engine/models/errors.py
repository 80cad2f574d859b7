"""Errors of models, with messages for users."""

from __future__ import annotations

from engine.errors import MachineError


def replaced(model: str) -> MachineError:
    """The model on disk is no longer the one that this run began with."""
    return MachineError(
        f"{model} was replaced on disk during the run; run again to compute with the new weights"
    )
