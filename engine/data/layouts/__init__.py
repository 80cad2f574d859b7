"""The layouts of preference data. To add one, write a module here and list it in `LAYOUTS`."""

from __future__ import annotations

from collections.abc import Iterable

from engine.data.layouts.arena import Arena, ArenaFlat
from engine.data.layouts.argilla import ArgillaFlat, ArgillaRecords
from engine.data.layouts.base import Change, Draft, Layout, Row
from engine.data.layouts.helpsteer import HelpSteer2, HelpSteer2Ratings, HelpSteer3
from engine.data.layouts.hh import HhRlhf
from engine.data.layouts.preference import Preference
from engine.data.layouts.rewardbench2 import RewardBench2
from engine.data.layouts.scored import Nectar, Scored, UltraFeedback
from engine.data.layouts.sides import Sides
from engine.data.options import Options

__all__ = ["BY_NAME", "LAYOUTS", "Change", "Draft", "Layout", "Row", "layout_of", "recognised"]

# The first one that matches a row reads it, so the most particular come first.
LAYOUTS: tuple[type[Layout], ...] = (
    Sides,
    HelpSteer3,
    HelpSteer2,
    HelpSteer2Ratings,
    UltraFeedback,
    Nectar,
    RewardBench2,
    ArgillaFlat,
    ArgillaRecords,
    Arena,
    ArenaFlat,
    HhRlhf,
    Preference,
    Scored,
)

BY_NAME = {layout.name: layout for layout in LAYOUTS}


def recognised(columns: Iterable[str], options: Options) -> bool:
    """Whether a table with these columns may hold preference pairs."""
    return layout_of(dict.fromkeys(columns, ""), options) is not None


def layout_of(row: Row, options: Options) -> type[Layout] | None:
    """The layout of a row, or None if there is none for it. Columns that the study names are read
    as it says, whatever else the row looks like."""
    if options.columns.chosen is not None or options.columns.rejected is not None:
        return Preference
    return next((layout for layout in LAYOUTS if layout.matches(row)), None)
