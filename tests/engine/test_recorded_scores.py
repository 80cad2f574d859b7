"""Scores from a file: every form that is in use, and what is refused with counts and examples."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadInput
from engine.models.recorded import read_scores
from tests.engine.released import COMPARE, write_csv

ROWS: tuple[tuple[Any, ...], ...] = (("7", "1.5", "-0.25", "True"), ("3", "-2.0", "1e-3", "False"))
SCORES = {"7": (1.5, -0.25), "3": (-2.0, 0.001)}


def bench(*, key: str = "id", **changes: Any) -> list[dict[str, Any]]:
    return [
        {key: int(i), "scores_chosen": c, "scores_rejected": r, "results": int(c > r), **changes}
        for i, (c, r) in SCORES.items()
    ]


def columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: [row[name] for row in rows] for name in rows[0]}


FORMS: dict[str, Callable[[], str]] = {
    "csv": lambda: "\n".join(",".join(row) for row in (COMPARE, *ROWS)) + "\n",
    "tsv": lambda: "\n".join("\t".join(row) for row in (COMPARE, *ROWS)),
    "csv with CRLF and BOM": lambda: (
        "\ufeff" + "\r\n".join(",".join(row) for row in (COMPARE, *ROWS)) + "\r\n"
    ),
    "other order of columns": lambda: (
        "agreement,rejected_score,row_id,chosen_score\nTrue,-0.25,7,1.5\nFalse,0.001,3,-2.0\n"
    ),
    "JSON lines": lambda: "".join(json.dumps(row) + "\n\n" for row in bench()),
    "a JSON list": lambda: json.dumps(bench(key="row_id"), indent=1),
    "JSON columns": lambda: json.dumps(columns(bench()) | {"model": "m"}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_gives_the_same_scores(form: str, packed: bool, tmp_path: Path) -> None:
    content = FORMS[form]().encode()
    path = tmp_path / "scores"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert read_scores(path) == SCORES


def test_scores_of_a_list_of_responses_are_those_of_the_pairs(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "scores": [1.5, -0.25, 2.0], "num_correct": 1, "results": 0},
        {"id": "b", "scores": [3.0, 2.5, -1.0, 0.5], "num_correct": 2, "results": 1},
    ]
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(columns(rows) | {"model": "m"}, indent=4), "utf-8")
    assert read_scores(path, pairs=["a", "b:0-2", "b:1-2"]) == {
        "a": (1.5, -0.25),
        "b:0-2": (3.0, -1.0),
        "b:1-2": (2.5, -1.0),
    }


@pytest.mark.parametrize("correct", [None, 0, 2, "1"])
def test_a_list_of_scores_needs_the_number_of_chosen_responses(
    correct: object, tmp_path: Path
) -> None:
    path = tmp_path / "scores.jsonl"
    row = {"id": "a", "scores": [1.5, -0.25], "num_correct": correct}
    path.write_text(json.dumps(row), "utf-8")
    with pytest.raises(BadInput, match=r"line 1: num_correct is .* of the 2 scores"):
        read_scores(path)


def write(path: Path, *rows: tuple[object, ...]) -> Path:
    return write_csv(path, COMPARE, [*ROWS, *rows])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("9", "nan", "1", "False")], "line 4: chosen_score is nan, not a finite number"),
        ([("9", "1", "-inf", "True")], "line 4: rejected_score is -inf"),
        ([("9", "1", "", "True")], "line 4: rejected_score is missing"),
        ([("9", "good", "1", "True")], "line 4: chosen_score is good"),
        ([("7", "1", "0", "True")], "line 4: 7 is scored twice"),
        ([("", "1", "0", "True")], "line 4: no row_id or id: results are joined"),
        ([("9", "1", "2", "True")], "line 4: agreement is True, but the scores are 1 and 2"),
        ([("9", "2", "2", "True")], "agreement is True, but the scores are 2 and 2"),
        (
            [(i, "nan", "1", "False") for i in range(10, 15)],
            "line 4: chosen_score is nan, not a finite number; 5 numbers are affected, "
            "lines 4, 5, 6, …",
        ),
        ([("9", "1")], "line 4: 2 cells in a table of 4 columns"),
    ],
)
def test_a_wrong_row_is_refused_with_line_count_and_examples(
    rows: list[tuple[object, ...]], words: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "scores.csv", *rows)
    with pytest.raises(BadInput) as caught:
        read_scores(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "true", '"x"', "[1]", "1e999"])
def test_json_that_holds_no_number_is_refused(value: str, tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text(f'{{"id": 1, "scores_chosen": {value}, "scores_rejected": 2.5}}\n')
    with pytest.raises(BadInput, match=r"line 1: scores_chosen is .* not a finite number"):
        read_scores(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "contains no scores"),
        ("row_id,chosen_score,rejected_score\n", "contains no scores"),
        ("row_id,score\n1,2\n", "the columns are row_id, chosen_score"),
        ("chosen_score,rejected_score\n1,2\n", "not by position"),
        ('{"id": 1}\nnonsense\n', "the columns are"),
        ('{"id": 1, "scores_chosen": 3, "scores_rejected": 1}\nnonsense\n', "line 2: expected"),
        ("[1, 2", "neither JSON lines nor"),
        ('{"id": [1, 2], "scores_chosen": [1]}', "different lengths"),
        ("a word\n", "no header line"),
    ],
)
def test_a_file_of_something_else_is_refused(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "scores"
    path.write_text(content)
    with pytest.raises(BadInput, match=words):
        read_scores(path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv.gz"
    path.write_bytes(gzip.compress(FORMS["csv"]().encode() * 99)[:-9])
    with pytest.raises(BadInput, match="gzip"):
        read_scores(path)
    path.write_bytes(b"row_id,chosen_score,rejected_score\n\xff,1,2\n")
    with pytest.raises(BadInput, match="UTF-8"):
        read_scores(path)
    for gone in (tmp_path / "gone", tmp_path):
        with pytest.raises(BadInput, match="score file not found"):
            read_scores(gone)


def test_squashed_scores_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "s.csv", COMPARE[:3], [("1", "0.0", "1.0"), ("2", "0.4", "0.6")])
    with pytest.raises(BadInput, match=r"all 4 scores lie within \[0, 1\].*sigmoid"):
        read_scores(path)
    assert read_scores(path, allow_squashed=True)["2"] == (0.4, 0.6)


def test_half_a_point_is_a_tie_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    row = {"id": 1, "scores_chosen": 2.0, "scores_rejected": 2.0, "results": 0.5}
    path.write_text(json.dumps(row))
    assert read_scores(path) == {"1": (2.0, 2.0)}
    path.write_text(json.dumps({**row, "scores_chosen": 3.0}))
    with pytest.raises(BadInput, match=r"results is 0.5, but the scores are 3 and 2"):
        read_scores(path)
