"""Blind mode: what it leaves open. All else tells, pair by pair or in sum, what people chose."""

from __future__ import annotations

from typing import Final

PANES: Final = ("resistance", "ambiguous")
CLOSED: Final = "hidden in blind mode; b in pane 3 or 4 ends it"
