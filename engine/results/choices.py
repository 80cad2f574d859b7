"""The choices of the statistics that a study may make, and their defaults."""

from __future__ import annotations

from typing import Final, Literal

Preset = Literal["released-code", "pooled-clustered", "pair-fe"]
TiePolicy = Literal["misaligned", "half", "exclude", "separate"]
OpinionRule = Literal["lexicographic", "pareto"]

PRESETS: Final[tuple[Preset, ...]] = ("released-code", "pooled-clustered", "pair-fe")
PRESET: Final[Preset] = "pair-fe"
TIE_POLICY: Final[TiePolicy] = "misaligned"
OPINION_RULE: Final[OpinionRule] = "lexicographic"
MIN_COSINE: Final = 0.9
