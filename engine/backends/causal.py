"""Settings shared by the back ends with a local causal language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from engine.backends.base import Backend
from engine.settings import Place

if TYPE_CHECKING:
    from typing import Self

EMBEDDED_LM = "embedded:smollm2"


class CausalSettings(Backend, frozen=True, kw_only=True):
    """`model` and the PEFT `adapter` are folders or hub names. The embedded model uses its
    shipped adapter by default, because it is useless without one."""

    shipped_adapter: ClassVar[str]
    model: str = EMBEDDED_LM
    adapter: str | None = None

    def resolved(self, place: Place) -> Self:
        adapter = self.adapter
        if adapter is None and self.model == EMBEDDED_LM:
            adapter = self.shipped_adapter
        return msgspec.structs.replace(
            self,
            model=place.model(self.model),
            adapter=None if adapter is None else place.model(adapter, "adapter"),
        )
