"""Metric tables for tests: none at all, or others in place of some."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.results.records import Record, Tables


def none() -> Tables:
    """A study without a single row."""
    return Tables(**{name: () for name in Tables.__struct_fields__})


def with_rows(tables: Tables, **rows: Sequence[Record]) -> Tables:
    """The same tables with other rows in some."""
    return msgspec.structs.replace(tables, **{name: tuple(of) for name, of in rows.items()})
