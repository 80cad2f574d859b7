"""Rewards from a file, so that no model is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec

from engine.backends.base import Needs, RewardSettings
from engine.settings import Place

if TYPE_CHECKING:
    from typing import Self


class RecordedScoresBackend(RewardSettings, frozen=True, kw_only=True, tag="recorded"):
    """`allow_squashed` accepts scores even if all lie within [0, 1]."""

    needs: ClassVar[Needs] = "file"
    path: str
    allow_squashed: bool = False

    @property
    def title(self) -> str:
        return Path(self.path).name

    def resolved(self, place: Place) -> Self:
        return msgspec.structs.replace(self, path=place.existing(self.path, "path"))
