"""A local causal language model; its answers are taken from the logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from engine.backends.base import LabelerBackend, Shape, Use
from engine.backends.causal import CausalSettings

if TYPE_CHECKING:
    from engine.models.protocols import Labeler


class TorchLabelerBackend(CausalSettings, LabelerBackend, frozen=True, kw_only=True, tag="torch"):
    shape: ClassVar[Shape] = Shape(8, 16_000)
    shipped_adapter: ClassVar[str] = "embedded:labeler-adapter"
    model: str

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        from engine.models import fingerprints
        from engine.models.logit_labeler import INSTRUCTION, MAX_TEXT_TOKENS

        return {
            **fingerprints.labeler(
                self.backend,
                self.model,
                use.features,
                adapter=self.adapter,
                prompts=fingerprints.digest([INSTRUCTION, MAX_TEXT_TOKENS]),
            ),
            **fingerprints.local(use.dtype, device),
            **fingerprints.weights("model", self.model),
            **fingerprints.weights("adapter", self.adapter),
        }

    def build(self, use: Use, device: str) -> Labeler:
        from engine.models.logit_labeler import LogitLabeler

        return LogitLabeler(self.model, self.adapter, use.features, device, use.dtype)
