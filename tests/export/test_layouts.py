"""Files of every documented layout come back as they were, and with a decision in its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from engine.data import Digest, Options, Pair, Reject, Source, read_pairs
from engine.data.layouts import BY_NAME, Change
from engine.data.options import NBest
from engine.data.origin import Origin, origin
from engine.data.pairs import Row
from engine.data.rows import RowReader
from engine.export.as_came import writer
from engine.export.same_rows import Rows
from engine.store import Store, marks
from engine.store.dataset import put_dataset
from engine.wire.messages import ExportRequest, MarkChange, MarkRequest, Verdict
from tests.data.test_documented_layouts import (
    EXAMPLES,
    NBEST,
    Example,
    as_table,
    every_example,
    every_table,
    rows_of,
)

REQUEST = ExportRequest(path="x", author="kim")


class Kept:
    """A store with the pairs of a file."""

    def __init__(self, folder: Path, source: Source) -> None:
        self.items: Sequence[Pair | Reject] = list(read_pairs(source))
        self.pairs = [item for item in self.items if isinstance(item, Pair)]
        self.origin: Origin = origin(source)
        self.store = Store(folder / "run.duckdb")
        digest = Digest()
        for item in self.items:
            digest.add(item)
        text = self.origin.text()
        groups = [None] * len(self.pairs)
        put_dataset(self.store, digest.value(), digest.content, self.items, groups, text)
        assert Origin.read(text) == self.origin

    def decide(self, pair_id: int, verdict: Verdict) -> None:
        change = MarkChange(verdict=verdict)
        marks.change(self.store, MarkRequest(pair_ids=(pair_id,), change=change, author="kim"), "")

    def write(self, path: Path) -> Path:
        [file] = self.origin.files
        with self.store.snapshot() as cursor:
            rows = Rows(cursor, self.origin, None, REQUEST)
            count = rows.count()
            with writer(file, path, False, {}) as write:
                for page in rows.of(file.name):
                    write(page)
                    count -= len(page)
        assert count == 0
        return path


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@every_example
def test_a_file_comes_back_as_it_was(example: Example, tmp_path: Path) -> None:
    data = tmp_path / "in.jsonl"
    data.write_text(example.text, "utf-8")
    kept = Kept(tmp_path, Source(data))
    try:
        assert kept.write(tmp_path / "out.jsonl").read_bytes() == data.read_bytes()
    finally:
        kept.store.close()


@every_table
def test_a_parquet_file_comes_back_as_it_was(example: Example, tmp_path: Path) -> None:
    table = as_table(example)
    parquet.write_table(table, data := tmp_path / "in.parquet")
    kept = Kept(tmp_path, Source(data))
    try:
        assert parquet.read_table(kept.write(tmp_path / "out.parquet")).equals(table)
    finally:
        kept.store.close()


def _places(example: Example, nbest: NBest) -> list[str]:
    reader = RowReader(Options(nbest=nbest))
    rows = [Row(line, value, None) for line, value in enumerate(rows_of(example), 1)]
    items = [*(item for row in rows for item in reader.read("x", row)), *reader.finish()]
    return [item.place for item in items if isinstance(item, Pair)]


@pytest.mark.parametrize(
    ("nbest", "example"),
    [
        pytest.param(nbest, example, id=f"{example}-{nbest}")
        for example in EXAMPLES
        for nbest in NBEST
        if nbest == NBEST[0] or _places(example, nbest) != _places(example, NBEST[0])
    ],
)
@pytest.mark.parametrize("verdict", ["flip", "drop", "tie"])
def test_a_decision_is_applied_by_the_layout(
    example: Example, nbest: NBest, verdict: Verdict, tmp_path: Path
) -> None:
    data = tmp_path / "in.jsonl"
    data.write_text(example.text, "utf-8")
    options = Options(nbest=nbest)
    kept = Kept(tmp_path, Source(data, options=options))
    try:
        number = len(kept.pairs) // 2
        pair = kept.pairs[number]
        kept.decide(number, verdict)
        action: Any = {"drop": "omit"}.get(verdict, verdict)
        changes = [
            Change(other.place, action if other is pair else "keep")
            for other in kept.pairs
            if other.rows == pair.rows
        ]
        layout = BY_NAME[example.layout](options)
        written = layout.write([json.loads(row.raw) for row in pair.rows], changes)
        expected: dict[int, Any] = dict(enumerate(rows_of(example)))
        expected |= dict(zip((row.number for row in pair.rows), written, strict=True))
        assert _lines(kept.write(tmp_path / "out.jsonl")) == [
            row for row in expected.values() if row is not None
        ]
    finally:
        kept.store.close()


def test_a_file_of_annotated_pairs_comes_back_in_its_frame(tmp_path: Path) -> None:
    [example] = [one for one in EXAMPLES if one.layout == "annotated-pairs"][:1]
    rows = rows_of(example)
    shared = {name: rows[0][name] for name in ("default_annotator", "annotators")}
    names = shared["annotators"]
    assert isinstance(names, dict)
    content = {
        "metadata": {"default_annotator": shared["default_annotator"], "version": "2.0"},
        "annotators": {key: {"name": name, "type": "human"} for key, name in names.items()},
        "comparisons": [
            {name: value for name, value in row.items() if name not in shared} for row in rows
        ],
    }
    data = tmp_path / "in.json"
    data.write_text(json.dumps(content), "utf-8")
    kept = Kept(tmp_path, Source(data))
    try:
        assert kept.origin.files[0].kind == "annotated"
        assert json.loads(kept.write(tmp_path / "out.json").read_text("utf-8")) == content
    finally:
        kept.store.close()


def test_a_dataset_of_the_hub_comes_back_as_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets: Any = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = [
        {"prompt": f"{number}?", "chosen": "Yes.", "rejected": "No.", "at": date(2024, 5, number)}
        for number in (1, 2, 3)
    ]
    table = pyarrow.Table.from_pylist(rows)
    (folder := tmp_path / "set").mkdir()
    parquet.write_table(table, folder / "train.parquet")
    kept = Kept(tmp_path, Source(dataset=str(folder)))
    try:
        again = parquet.read_table(kept.write(tmp_path / "out.parquet"))
        assert again.to_pylist() == rows
        assert again.schema.types == table.schema.types
    finally:
        kept.store.close()
