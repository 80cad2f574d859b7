"""A local sentence-transformers model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from engine.backends.base import EmbedderBackend, Use
from engine.settings import Place

if TYPE_CHECKING:
    from typing import Self

    from engine.models.protocols import Embedder


class SentenceEmbedderBackend(EmbedderBackend, frozen=True, kw_only=True, tag="torch"):
    model: str = "embedded:minilm"

    def resolved(self, place: Place) -> Self:
        return msgspec.structs.replace(self, model=place.model(self.model))

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        from engine.models import fingerprints

        return {
            "kind": "EmbedderSpec",  # as version 0.1.0 wrote it: stored results depend on it
            "model": self.model,
            "prompts": None,
            **fingerprints.weights("model", self.model),
        }

    def build(self, use: Use, device: str) -> Embedder:
        from engine.models.embedder import SentenceEmbedder

        return SentenceEmbedder(self.model, device)
