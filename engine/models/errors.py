"""What goes wrong with models, in words for a person."""

from __future__ import annotations


class ModelError(RuntimeError):
    """A model cannot be loaded or used. The message is one line: what, and how to mend it."""


def replaced(model: str) -> ModelError:
    """What is on disk is no longer what this run began with."""
    return ModelError(
        f"{model} was replaced on disk while the run was on; run again to compute with what is "
        "there now"
    )
