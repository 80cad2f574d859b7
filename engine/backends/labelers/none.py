"""No labels at all: alignment, resistance and shifts need none."""

from __future__ import annotations

from typing import ClassVar

from engine.backends.base import Backend, Needs


class NoLabelsBackend(Backend, frozen=True, kw_only=True, tag="none"):
    needs: ClassVar[Needs] = "nothing"
