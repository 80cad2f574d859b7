"""Settings shared by the back ends that use a server."""

from __future__ import annotations

import os
from typing import ClassVar

from engine.backends.base import Backend, Needs


class EndpointSettings(Backend, frozen=True, kw_only=True):
    """An OpenAI-compatible server. `api_key_env` is the name of a variable, never a key."""

    needs: ClassVar[Needs] = "endpoint"
    base_url: str
    model: str
    api_key_env: str | None = None

    @property
    def source(self) -> str:
        return self.base_url

    def missing(self) -> str | None:
        if self.api_key_env is None or self.api_key_env in os.environ:
            return None
        return f"export {self.api_key_env}=…"
