"""What the back ends on a causal language model of this machine have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from engine.backends.base import Backend
from engine.settings import Place

if TYPE_CHECKING:
    from typing import Self

EMBEDDED_LM = "embedded:smollm2"


class CausalSettings(Backend, frozen=True, kw_only=True):
    """`model` and the PEFT `adapter` are folders or hub names. The embedded model brings an adapter
    of its own where none is named: untrained it is of no use."""

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
