"""Rows of the metric tables for tests, of which only what matters is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_args

import msgspec

from engine.paper.rewriting import THRESHOLDS
from engine.results import flat
from engine.results.records import Record, Tables

R = TypeVar("R", bound=Record)
_ZERO: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False, dict[str, Any]: {}}


def row(kind: type[R], **given: Any) -> R:
    """A record of flat keys (`class_` or `class`); what is not given is None, 0 or empty."""
    given = {key.rstrip("_"): value for key, value in given.items()}
    names = {key.name: key for key in flat.keys(kind)}
    assert set(given) <= set(names), set(given) - set(names)
    nothing = {
        name: None if type(None) in get_args(key.type) else _ZERO[key.type]
        for name, key in names.items()
    }
    return flat.record(kind, nothing | given)


def each(rows: Iterable[Any], name: str) -> list[Any]:
    """One number of the coefficient of every row."""
    return [getattr(row.coefficient, name) for row in rows]


def tables(**rows: Iterable[Mapping[str, Any]]) -> Tables:
    """Metric tables of such rows; a table that is not given is empty."""
    made: dict[str, Any] = {
        name: tuple(row(kind, **one) for one in rows.get(name, ()))
        for name, kind in flat.records().items()
    }
    return Tables(**made)


def none() -> Tables:
    """A study without a single row."""
    return Tables(**{name: () for name in Tables.__struct_fields__})


def with_rows(tables: Tables, **rows: Sequence[Record]) -> Tables:
    """The same tables with other rows in some."""
    return msgspec.structs.replace(tables, **{name: tuple(of) for name, of in rows.items()})


def drop_own_threshold(tables: dict[str, list[dict[str, Any]]], own: float) -> None:
    """Takes the point at a study's own `min_cosine` out of its drift curves, in place."""
    if own not in THRESHOLDS:
        drift, left_out = tables["robustness_drift"], tables["dropped"]
        tables["robustness_drift"] = [row for row in drift if row["threshold"] != own]
        at = f"cosine from {own:g}:"
        tables["dropped"] = [row for row in left_out if not row["detail"].startswith(at)]
