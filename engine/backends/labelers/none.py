"""No labels: alignment, resistance and shifts do not need them."""

from __future__ import annotations

from typing import ClassVar

from engine.backends.base import Backend, Needs


class NoLabelsBackend(Backend, frozen=True, kw_only=True, tag="none"):
    needs: ClassVar[Needs] = "nothing"
