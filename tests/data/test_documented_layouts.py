"""Every example of docs/data.md is read as its heading says, and written again."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow
import pytest
from pyarrow import parquet

from engine.data import Options, Pair, Reject, Source, Vote, read_pairs
from engine.data.layouts import BY_NAME, LAYOUTS, Change, layout_of
from engine.data.options import NBest
from engine.data.pairs import NEUTRAL
from engine.errors import BadInput

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"
_SECTION = re.compile(r"^### `(?P<name>[\w-]+)`\n(?P<text>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```jsonl\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NBEST: tuple[NBest, ...] = ("best-worst", "best-rest", "adjacent")


class Example(NamedTuple):
    layout: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.layout}-{self.number}"


def _examples() -> list[Example]:
    return [
        Example(section["name"], number, block["text"])
        for section in _SECTION.finditer(PAGE.read_text("utf-8"))
        for number, block in enumerate(_BLOCK.finditer(section["text"]), 1)
    ]


EXAMPLES = _examples()
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=str)
every_policy = pytest.mark.parametrize("nbest", NBEST)


def read(folder: Path, rows: Iterable[object], nbest: NBest) -> tuple[list[Pair], list[Reject]]:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    items = list(read_pairs(Source(path=path, options=Options(nbest=nbest))))
    pairs = [item for item in items if isinstance(item, Pair)]
    return pairs, [item for item in items if isinstance(item, Reject)]


def rows_of(example: Example) -> list[dict[str, object]]:
    return [json.loads(line) for line in example.text.splitlines()]


def as_table(example: Example) -> pyarrow.Table | None:
    """The example in Arrow; None where a column has values of several types."""
    rows = rows_of(example)
    columns = dict.fromkeys(name for row in rows for name in row)  # Arrow takes the first row's
    try:
        return pyarrow.Table.from_pylist([columns | row for row in rows])
    except pyarrow.ArrowInvalid:
        return None


every_table = pytest.mark.parametrize(
    "example", [example for example in EXAMPLES if as_table(example) is not None], ids=str
)


def write(item: Pair | Reject, changes: list[Change], nbest: NBest) -> dict[int, object]:
    """The rows of a pair after changes, by their number in the source."""
    layout = BY_NAME[item.rows[0].layout](Options(nbest=nbest))
    given = [json.loads(row.raw) for row in item.rows]
    before = json.dumps(given)
    written = layout.write(given, changes)
    assert json.dumps(given) == before, "a row was changed in place"
    return {source.number: row for source, row in zip(item.rows, written, strict=True)}


def sides(pair: Pair) -> tuple[str, str]:
    return pair.chosen.encoded, pair.rejected.encoded


def _sizes(votes: Iterable[Vote]) -> list[tuple[str, float]]:
    return [(vote.annotator, abs(vote.score)) for vote in votes]


def test_every_layout_has_an_example() -> None:
    assert {example.layout for example in EXAMPLES} == {layout.name for layout in LAYOUTS}


def test_the_table_lists_every_layout_in_the_order_they_are_tried() -> None:
    rows = re.findall(
        r"^\| \[`(.+?)`\]\(#(.+?)\) \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert rows == [(layout.name, layout.name, layout.title) for layout in LAYOUTS]


@every_example
def test_an_example_has_at_least_two_rows_of_its_layout(example: Example) -> None:
    rows = rows_of(example)
    assert len(rows) >= 2
    for row in rows:
        layout = layout_of(row, Options())
        assert layout is BY_NAME[example.layout]


@every_policy
@every_example
def test_an_example_is_read_to_pairs_and_written_as_it_came(
    example: Example, nbest: NBest, tmp_path: Path
) -> None:
    rows = rows_of(example)
    pairs, rejects = read(tmp_path, rows, nbest)
    assert pairs
    assert {reject.reason for reject in rejects} <= NEUTRAL
    written: dict[int, object] = {}
    items: list[Pair | Reject] = [*pairs, *rejects]
    for item in items:
        written |= write(item, [], nbest)
        keep = [Change(item.place, "keep")] if isinstance(item, Pair) else []
        assert write(item, keep, nbest) == write(item, [], nbest)
    assert written == dict(enumerate(rows))


@every_table
def test_an_example_is_read_alike_from_parquet(example: Example, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(as_table(example), path)
    items = list(read_pairs(Source(path=path)))
    pairs, rejects = read(tmp_path, rows_of(example), "best-worst")
    assert [(sides(pair), pair.facts, pair.group) for pair in items if isinstance(pair, Pair)] == [
        (sides(pair), pair.facts, pair.group) for pair in pairs
    ]
    assert [item.reason for item in items if isinstance(item, Reject)] == [
        reject.reason for reject in rejects
    ]


@every_example
def test_an_example_is_read_alike_from_a_table_with_json_in_its_cells(
    example: Example, tmp_path: Path
) -> None:
    rows = rows_of(example)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    items = list(read_pairs(Source(path=path)))
    pairs, _ = read(tmp_path, rows, "best-worst")
    read_again = [item for item in items if isinstance(item, Pair)]
    assert [(sides(pair), pair.facts) for pair in read_again] == [
        (sides(pair), pair.facts) for pair in pairs
    ]
    for pair in read_again:
        layout = BY_NAME[pair.rows[0].layout](Options())
        given = [json.loads(row.raw) for row in pair.rows]
        [turned, *_] = layout.write(given, [Change(pair.place, "flip")])
        assert turned is not None
        assert all(isinstance(value, str) for value in turned.values())


def _cell(value: object) -> object:
    if value is None or (isinstance(value, (str, int, float)) and not isinstance(value, bool)):
        return value
    return json.dumps(value)


@every_example
def test_text_in_another_column_of_an_example_is_refused_by_name(
    example: Example, tmp_path: Path
) -> None:
    remark = {"remarks": "Somebody wrote here what they think of the two responses."}
    rows = [row | remark for row in rows_of(example)]
    with pytest.raises(BadInput, match='"remarks" holds text that would not be read'):
        read(tmp_path, rows, "best-worst")
    ignoring = Options(ignore=frozenset(remark))
    assert list(read_pairs(Source(tmp_path / "rows.jsonl", options=ignoring)))
    pairs, _ = read(tmp_path, [row | {"remarks": 7.5} for row in rows], "best-worst")
    assert pairs


@every_policy
@every_example
def test_a_flipped_pair_of_an_example_is_read_with_its_sides_swapped(
    example: Example, nbest: NBest, tmp_path: Path
) -> None:
    rows = rows_of(example)
    pairs, _ = read(tmp_path, rows, nbest)
    for pair in pairs:
        written: dict[int, object] = dict(enumerate(rows))
        changes = [Change(other.place, "keep") for other in pairs if other.rows == pair.rows]
        changes = [c._replace(action="flip") if c.place == pair.place else c for c in changes]
        written |= write(pair, changes, nbest)
        again, rejects = read(tmp_path, written.values(), nbest)
        assert (pair.rejected.encoded, pair.chosen.encoded) in [sides(other) for other in again]
        flipped = next(other for other in again if sides(other) == sides(pair)[::-1])
        # Votes stay, so they turn against the chosen side; but one that is all the row has to say
        # who won is flipped itself.
        assert _sizes(flipped.facts.votes) == _sizes(pair.facts.votes)
        if len(changes) == 1:
            assert flipped.facts.margin == pair.facts.margin
        assert {reject.reason for reject in rejects} <= NEUTRAL


@every_policy
@every_example
def test_a_dropped_or_tied_pair_of_an_example_is_read_no_more(
    example: Example, nbest: NBest, tmp_path: Path
) -> None:
    rows = rows_of(example)
    pairs, _ = read(tmp_path, rows, nbest)
    for pair in pairs:
        for action in ("omit", "tie"):
            written: dict[int, object] = dict(enumerate(rows))
            changes = [Change(other.place, "keep") for other in pairs if other.rows == pair.rows]
            changes = [c._replace(action=action) if c.place == pair.place else c for c in changes]
            written |= write(pair, changes, nbest)
            left = [row for row in written.values() if row is not None]
            if left:
                again, rejects = read(tmp_path, left, nbest)
                assert sides(pair) not in [sides(other) for other in again]
                assert {reject.reason for reject in rejects} <= NEUTRAL
