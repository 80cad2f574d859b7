"""The layouts of preference data. To add one, write a module here and list it in `LAYOUTS`."""

from __future__ import annotations

from collections.abc import Iterable

from engine.data.layouts.annotated import AnnotatedPairs
from engine.data.layouts.arena import Arena, ArenaFlat
from engine.data.layouts.argilla import ArgillaFlat, ArgillaRecords
from engine.data.layouts.base import Change, Draft, Layout, Row
from engine.data.layouts.helpsteer import HelpSteer2, HelpSteer2Ratings, HelpSteer3
from engine.data.layouts.hh import HhRlhf
from engine.data.layouts.kto import Kto
from engine.data.layouts.llama_factory import Alpaca, ShareGpt
from engine.data.layouts.ms_swift import MsSwift
from engine.data.layouts.nemo_rl import NemoRl
from engine.data.layouts.preference import Preference, is_described
from engine.data.layouts.rewardbench2 import RewardBench2
from engine.data.layouts.rollouts import Rollouts, Verl
from engine.data.layouts.safe_rlhf import SafeRlhf
from engine.data.layouts.scored import Nectar, Scored, UltraFeedback
from engine.data.layouts.shp import Shp
from engine.data.layouts.sides import Sides
from engine.data.layouts.verdicts import ArenaHard
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
    ArenaHard,
    AnnotatedPairs,
    NemoRl,
    SafeRlhf,
    Shp,
    MsSwift,
    Alpaca,
    ShareGpt,
    HhRlhf,
    Preference,
    Verl,
    Rollouts,
    Scored,
    Kto,
)

BY_NAME = {layout.name: layout for layout in LAYOUTS}


def recognised(columns: Iterable[str], options: Options) -> bool:
    """Whether a table with these columns may hold preference pairs."""
    row = dict.fromkeys(columns, "")
    if is_described(row, options):
        return all(side in row for side in Preference(options).side_names(row))
    return layout_of(row, options) is not None


def layout_of(row: Row, options: Options) -> type[Layout] | None:
    """The layout of a row, or None if there is none for it. Columns that the study names are read
    as it says, whatever else the row looks like."""
    if is_described(row, options):
        return Preference
    return next((layout for layout in LAYOUTS if layout.matches(row)), None)
