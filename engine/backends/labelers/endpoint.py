"""A labeler on an OpenAI-compatible server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from engine.backends.base import LabelerBackend, Shape, Use
from engine.backends.endpoints import EndpointSettings

if TYPE_CHECKING:
    from engine.models.protocols import Labeler


class EndpointLabelerBackend(
    EndpointSettings, LabelerBackend, frozen=True, kw_only=True, tag="endpoint"
):
    shape: ClassVar[Shape] = Shape(64, 400_000)

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        from engine.models import fingerprints
        from engine.models.endpoint_prompts import label_instructions

        return {
            **fingerprints.labeler(
                self.backend,
                self.model,
                use.features,
                base_url=self.base_url,
                api_key_env=self.api_key_env,
                prompts=fingerprints.digest(label_instructions(use.features)),
            ),
            "dtype": use.dtype,
        }

    def build(self, use: Use, device: str) -> Labeler:
        from engine.models.endpoint import EndpointLabeler

        return EndpointLabeler(self.base_url, self.model, self.api_key_env, use.features)
