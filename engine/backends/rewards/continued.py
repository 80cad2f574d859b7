"""A model that the run trains: it continues the other model's last layer on the dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from engine.backends.base import Needs, RewardSettings
from engine.settings import Place, within

if TYPE_CHECKING:
    from typing import Self


class ContinuedBackend(RewardSettings, frozen=True, kw_only=True, tag="continued"):
    """`penalty` is how strongly the layer is held near its start."""

    needs: ClassVar[Needs] = "device"
    continue_from: Literal["pre"] = "pre"
    penalty: float = 3e-4

    @property
    def title(self) -> str:
        return f"{self.continue_from} + D"

    @property
    def origin(self) -> str:
        return self.lineage or f"continued from {self.continue_from}"

    def resolved(self, place: Place) -> Self:
        within(place.key("penalty"), self.penalty, 0)
        return self
