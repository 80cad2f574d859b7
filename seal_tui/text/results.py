"""Metric tables for a terminal: sentences and meanings from the engine's results, made safe."""

from __future__ import annotations

from engine.results import tables
from engine.results.names import Kinds
from engine.results.records import Record
from seal_tui.text.safe import Safe, one_line


def sentence(table: str, row: Record, kinds: Kinds) -> Safe:
    """The interpretation of a row."""
    return one_line(tables.sentence(table, row, kinds))


def meaning(table: str) -> Safe:
    """What a metric table contains."""
    return Safe(tables.TABLES[table].meaning)
