"""Metric tables for a terminal: sentences and sections of the engine's results, made safe."""

from __future__ import annotations

from engine.results import tables
from engine.results.names import Kinds
from engine.results.records import Record
from seal_tui.text.safe import Safe, one_line


def sentence(table: str, row: Record, kinds: Kinds) -> Safe:
    """A row of a metric table in words."""
    return one_line(tables.sentence(table, row, kinds))


def meaning(table: str) -> Safe:
    """What a metric table holds."""
    return Safe(tables.TABLES[table].meaning)
