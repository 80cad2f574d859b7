"""Labels from a file: joined by key, refused with file, line and field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine import taxonomy
from engine.errors import BadInput
from engine.models.recorded import MISSING, read_labels
from engine.paths import SAMPLE_DATA
from engine.taxonomy import Feature

FEATURES = (
    Feature("helpful", "?", "bool", "target"),
    Feature("sentiment", "?", "sentiment", "spoiler"),
)


def row(**changes: Any) -> dict[str, Any]:
    return {"id": "a", "side": "chosen", "labels": {"helpful": 1, "sentiment": -1}, **changes}


def write(path: Path, *rows: object) -> Path:
    lines = [line if isinstance(line, str) else json.dumps(line) for line in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_labels_come_in_the_order_of_the_features_whatever_the_order_in_the_file(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path / "l.jsonl", row(), "", row(side="rejected", labels={"sentiment": 0, "helpful": 0})
    )
    assert read_labels(path, FEATURES).values == {
        ("a", "chosen"): [1, -1],
        ("a", "rejected"): [0, 0],
    }
    assert read_labels(path, FEATURES[::-1]).values["a", "chosen"] == [-1, 1]


def test_ids_that_are_numbers_join_like_the_pairs_do(tmp_path: Path) -> None:
    path = write(tmp_path / "l.jsonl", row(id=7))
    assert ("7", "chosen") in read_labels(path, FEATURES).values


def test_a_feature_the_file_does_not_give_is_missing_not_zero(tmp_path: Path) -> None:
    path = write(tmp_path / "l.jsonl", row(labels={"helpful": 1}))
    assert read_labels(path, FEATURES).values["a", "chosen"] == [1, MISSING]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "expected"),
        ("[]", "expected"),
        ("3", "expected"),
        ({"id": "b", "side": "chosen"}, "labels"),
        ({"side": "chosen", "labels": {}}, "no row_id or id"),
        (row(id="b", labels=[1]), "expected"),
        (row(id="b", side="left"), "side must be"),
        (row(id="b", side=["chosen"]), "side must be"),
        (row(), "labeled twice"),
        (row(id="b", labels={"helpful": 2}), "helpful is 2"),
        (row(id="b", labels={"helpful": 1.0}), "helpful is 1.0"),
        (row(id="b", labels={"helpful": None}), "helpful is None"),
        (row(id="b", labels={"helpful": -128}), "helpful is -128"),
        (row(id="b", labels={"sentiment": "good"}), "sentiment is 'good'"),
        ('{"id": "b", "side": "chosen", "labels": {"helpful": NaN}}', "helpful is nan"),
        pytest.param("[" * 10_000, "expected", id="nested too deep"),
    ],
)
def test_a_wrong_line_is_refused_with_file_line_and_field(
    bad: object, words: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "l.jsonl", row(), "", bad)
    with pytest.raises(BadInput) as caught:
        read_labels(path, FEATURES)
    assert f"{path}, line 3" in str(caught.value)
    assert words in str(caught.value)


def test_no_labels_at_all_and_no_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="contains no labels"):
        read_labels(write(tmp_path / "l.jsonl", "", ""), FEATURES)
    for path in (tmp_path / "gone.jsonl", tmp_path):
        with pytest.raises(BadInput, match="labels file not found"):
            read_labels(path, FEATURES)


def test_the_sample_has_gold_labels_of_every_default_feature_for_both_sides() -> None:
    found = read_labels(SAMPLE_DATA / "gold_labels.jsonl", taxonomy.load()).values
    with (SAMPLE_DATA / "pairs.jsonl").open() as file:
        ids = [json.loads(line)["id"] for line in file]
    assert set(found) == {(name, side) for name in ids for side in ("chosen", "rejected")}
    assert not any(MISSING in values for values in found.values())
