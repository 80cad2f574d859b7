"""The study of a run: study.toml → validated, frozen settings, and the same as study.json."""

from engine.results.choices import PRESETS, Preset
from engine.strategies import DEFAULT as STRATEGIES
from engine.study.compare import computes_the_same, digest, with_measures_of
from engine.study.read import load
from engine.study.resolved import dump_resolved, loads_resolved, require_installed
from engine.study.sections import Data, Measures, Rewrites, Study

__all__ = [
    "PRESETS",
    "STRATEGIES",
    "Data",
    "Measures",
    "Preset",
    "Rewrites",
    "Study",
    "computes_the_same",
    "digest",
    "dump_resolved",
    "load",
    "loads_resolved",
    "require_installed",
    "with_measures_of",
]
