"""Linear heads on the shipped sentence embedder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from engine.backends.base import LabelerBackend, Use
from engine.settings import Place

if TYPE_CHECKING:
    from typing import Self

    from engine.models.protocols import Labeler


class HeadsBackend(LabelerBackend, frozen=True, kw_only=True, tag="heads"):
    """`model` is a folder with heads.safetensors, or the shipped heads."""

    model: str = "embedded:label-heads"

    def resolved(self, place: Place) -> Self:
        return msgspec.structs.replace(self, model=place.model(self.model))

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        from engine.models import fingerprints

        return {
            **fingerprints.labeler(self.backend, self.model, use.features),
            **fingerprints.local(use.dtype, device),
            **fingerprints.weights("model", self.model),
            "body_digest": fingerprints.weights_digest("embedded:minilm"),
        }

    def build(self, use: Use, device: str) -> Labeler:
        from engine.models.head_labeler import HeadLabeler

        return HeadLabeler(self.model, use.features, device)
