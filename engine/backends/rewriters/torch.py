"""A local causal language model as rewriter, with greedy decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from engine.backends.base import RewriterBackend, Use
from engine.backends.causal import CausalSettings

if TYPE_CHECKING:
    from engine.models.protocols import Rewriter
    from engine.strategies import Strategy


class TorchRewriterBackend(CausalSettings, RewriterBackend, frozen=True, kw_only=True, tag="torch"):
    shipped_adapter: ClassVar[str] = "embedded:rewriter-adapter"

    def instruction(self, strategy: Strategy) -> str:
        return strategy.local

    def fingerprint(self, use: Use, device: str) -> dict[str, Any]:
        from engine.models import fingerprints

        return {
            **fingerprints.rewriter(self.backend, self.model, use.scope, adapter=self.adapter),
            **fingerprints.local(use.dtype, device),
            **fingerprints.weights("model", self.model),
            **fingerprints.weights("adapter", self.adapter),
        }

    def build(self, use: Use, device: str) -> Rewriter:
        from engine.models.rewriter import CausalRewriter, of_scope

        return of_scope(use.scope, CausalRewriter(self.model, self.adapter, device, use.dtype))
