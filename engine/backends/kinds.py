"""The registries of back ends, one per kind."""

from __future__ import annotations

from engine.backends.base import Backend, EmbedderBackend, RewardSettings, RewriterBackend
from engine.registry import Registry

LABELERS = Registry("labeler", Backend, "engine.backends.labelers")
REWARDS = Registry("reward", RewardSettings, "engine.backends.rewards")
REWRITERS = Registry("rewriter", RewriterBackend, "engine.backends.rewriters")
EMBEDDERS = Registry("embedder", EmbedderBackend, "engine.backends.embedders")
