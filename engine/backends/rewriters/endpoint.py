"""A rewriter on an OpenAI-compatible server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.backends.base import RewriterBackend, Use
from engine.backends.endpoints import EndpointSettings

if TYPE_CHECKING:
    from engine.models.protocols import Rewriter
    from engine.strategies import Strategy


class EndpointRewriterBackend(
    EndpointSettings, RewriterBackend, frozen=True, kw_only=True, tag="endpoint"
):
    def instruction(self, strategy: Strategy) -> str:
        from engine.models.endpoint_prompts import rewrite_instructions

        return rewrite_instructions(strategy.endpoint)

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        from engine.models import fingerprints

        return {
            **fingerprints.rewriter(
                self.backend,
                self.model,
                use.scope,
                base_url=self.base_url,
                api_key_env=self.api_key_env,
            ),
            "dtype": use.dtype,
        }

    def build(self, use: Use, device: str) -> Rewriter:
        from engine.models.endpoint import EndpointRewriter
        from engine.models.rewriter import of_scope

        return of_scope(use.scope, EndpointRewriter(self.base_url, self.model, self.api_key_env))
