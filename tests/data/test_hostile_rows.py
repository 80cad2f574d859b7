"""Whatever a row holds, it is read, or refused in one line: for every layout."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import REASONS, Options, Pair, Reject
from engine.data.layouts import BY_NAME, Change
from engine.data.options import NBest
from engine.data.pairs import Row
from engine.data.rows import RowReader
from engine.errors import BadInput

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"
ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for line in re.findall(r"^\{.*\}$", PAGE.read_text("utf-8"), re.MULTILINE)
    if not line.startswith('{"name"')
]
NBEST: tuple[NBest, ...] = ("best-worst", "best-rest", "adjacent")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([1e300, float("nan"), float("inf"), 2**60]),
    st.sampled_from(
        ["", " ", "hello there", "1", "nan", "true", "tie", "model_a", "chosen", "N/A", "A>>B"]
    ),
    st.sampled_from(
        ["[", "[]", "{}", '["a"]', "[1]", "null", '[{"role": "user"}]', "Human: x", "[{'role': 'us"]
    ),
)
keys = st.sampled_from(["role", "content", "text", "score", "rank", "completion", "value", "from"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A row of the documentation with a value somewhere that does not belong there."""
    row: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from(ROWS))))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = row
        while True:
            key = draw(
                st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
            )
            deeper = place[key]
            if isinstance(deeper, (dict, list)) and deeper and draw(st.booleans()):
                place = deeper
                continue
            if isinstance(place, dict) and draw(st.integers(0, 5)) == 0:
                del place[key]
            else:
                place[key] = draw(values)
            break
        if not row:
            row = {"chosen": None}
    return row


def read(rows: list[dict[str, Any]], nbest: NBest) -> list[Pair | Reject]:
    reader = RowReader(Options(nbest=nbest))
    items: list[Pair | Reject] = []
    for number, row in enumerate(rows, 1):
        items += reader.read("rows", Row(number, row, json.dumps(row).encode()))
    return [*items, *reader.finish()]


@given(st.lists(damaged(), min_size=1, max_size=3), st.sampled_from(NBEST))
@settings(max_examples=200, deadline=None)
def test_a_damaged_row_is_read_or_refused_in_one_line(
    rows: list[dict[str, Any]], nbest: NBest
) -> None:
    try:
        items = read(rows, nbest)
    except BadInput as error:
        assert "\n" not in str(error)
        return
    for item in items:
        if isinstance(item, Reject):
            assert item.reason in dict(REASONS)
            assert item.detail
        else:
            assert item.chosen.problem is None
            assert item.rejected.problem is None
            assert item.chosen.split()[1]


@pytest.mark.parametrize("nbest", NBEST)
@pytest.mark.parametrize("action", ["keep", "flip", "omit", "tie"])
@given(rows=st.lists(damaged(), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_rows_that_are_read_can_be_written(
    rows: list[dict[str, Any]], nbest: NBest, action: Any
) -> None:
    try:
        items = read(rows, nbest)
    except BadInput:
        return
    for item in items:
        if not item.rows or not item.rows[0].layout:
            continue
        layout = BY_NAME[item.rows[0].layout](Options(nbest=nbest))
        given_rows = [rows[source.number] for source in item.rows]
        before = repr(given_rows)
        place = item.place if isinstance(item, Pair) else ""
        if isinstance(item, Reject):
            assert layout.write(given_rows, []) == given_rows or "nan" in before
            continue
        written = layout.write(given_rows, [Change(place, action)])
        assert repr(given_rows) == before, "a row was changed in place"
        assert len(written) == len(given_rows)
        if action == "keep":
            assert repr(written) == before
