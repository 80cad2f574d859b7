"""Whatever stands in a field of a row, it is read, counted with a reason, or named in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from engine.data import Options, Pair, Reject
from engine.data.layouts import BY_NAME, Change
from engine.data.pairs import Row
from engine.data.rows import RowReader
from engine.errors import BadInput
from tests.data.test_documented_layouts import EXAMPLES, Example, rows_of

Path = tuple[Any, ...]
GONE = object()
INSTEAD: tuple[Any, ...] = (GONE, None, -1.5, "x", "[1]", [], {}, [None], {"a": None}, True)


def paths(value: Any, before: Path = ()) -> Iterator[Path]:
    """The paths to every value inside of this one."""
    if isinstance(value, dict):
        items: Any = value.items()
    else:
        items = enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*before, key)
        yield from paths(item, (*before, key))


def replaced(value: Any, path: Path, new: Any) -> Any:
    copy = dict(value) if isinstance(value, dict) else list(value)
    first, *rest = path
    if rest:
        copy[first] = replaced(value[first], tuple(rest), new)
    elif new is GONE:
        del copy[first]
    else:
        copy[first] = new
    return copy


def read(rows: list[Any]) -> list[Pair | Reject]:
    reader = RowReader(Options())
    items = [
        item
        for number, row in enumerate(rows, 1)
        for item in reader.read("rows.jsonl", Row(number, row, json.dumps(row).encode()))
    ]
    return items + list(reader.finish())


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_row_with_any_damaged_field_is_read_or_refused(example: Example) -> None:
    rows = rows_of(example)
    for place, row in enumerate(rows):
        for path in paths(row):
            for new in INSTEAD:
                damaged: list[Any] = list(rows)
                damaged[place] = replaced(row, path, new)
                try:
                    items = read(damaged)
                except BadInput:
                    continue
                for item in items:
                    if item.rows and item.rows[0].layout:
                        _write(item, damaged)


def _write(item: Pair | Reject, rows: list[Any]) -> None:
    layout = BY_NAME[item.rows[0].layout](Options())
    own = [rows[source.number] for source in item.rows]
    assert layout.write(own, []) == own
    if isinstance(item, Pair):
        for action in ("flip", "omit", "tie"):
            layout.write(own, [Change(item.place, action)])
