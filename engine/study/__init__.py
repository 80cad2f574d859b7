"""What a run is about: study.toml → validated, frozen settings, and the same as study.json."""

from engine.settings import SettingError
from engine.strategies import DEFAULT as STRATEGIES
from engine.study.errors import StudyError
from engine.study.read import load
from engine.study.resolved import (
    digest,
    dump_resolved,
    loads_resolved,
    require_installed,
    results_digest,
)
from engine.study.sections import PRESETS, Data, Measures, Preset, Rewrites, Study

__all__ = [
    "PRESETS",
    "STRATEGIES",
    "Data",
    "Measures",
    "Preset",
    "Rewrites",
    "SettingError",
    "Study",
    "StudyError",
    "digest",
    "dump_resolved",
    "load",
    "loads_resolved",
    "require_installed",
    "results_digest",
]
