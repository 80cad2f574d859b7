"""Labels from a file: human labels, published ones, or those of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec

from engine.backends.base import Backend, Needs
from engine.settings import Place

if TYPE_CHECKING:
    from typing import Self


class RecordedLabelsBackend(Backend, frozen=True, kw_only=True, tag="recorded"):
    needs: ClassVar[Needs] = "file"
    path: str

    @property
    def title(self) -> str:
        return Path(self.path).name

    def resolved(self, place: Place) -> Self:
        return msgspec.structs.replace(self, path=place.existing(self.path, "path"))
