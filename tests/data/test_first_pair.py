"""The first pair of a source, as `seal-tui doctor` shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.data import Source
from engine.data.first import MOST_REJECTS, First, first
from engine.data.options import Columns, Options
from engine.errors import BadInput


def found(folder: Path, *rows: dict[str, Any], **options: Any) -> First:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return first(Source(path, options=Options(**options)))


def test_the_layout_and_what_is_beside_the_texts_are_told(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "prompt": "Name a wader.",
        "chosen": "A heron.",
        "rejected": "A shark.",
        "why": "the first answer names a bird and the other one does not",
        "lang": "en",
    }
    one = found(tmp_path, row, ignore=frozenset(("why",)))
    assert one.pair is not None and one.pair.source_id == "7"
    assert (one.layout, one.not_read, one.extras) == (
        "preference",
        ("why",),
        {"id": "7", "lang": "en"},
    )
    assert one.title.startswith("chosen and rejected")


def test_columns_that_the_study_names_are_read(tmp_path: Path) -> None:
    row = {"q": "Name a wader that lives in these parts, please.", "good": "Heron", "bad": "Shark"}
    named = Columns(prompt="q", chosen="good", rejected="bad")
    one = found(tmp_path, row, columns=named)
    assert one.not_read == () and one.extras == {}


def test_rows_before_the_first_pair_are_told(tmp_path: Path) -> None:
    row = {
        "context": [{"role": "user", "content": "A wader?"}],
        "response1": "A heron.",
        "response2": "A shark.",
        "individual_preference": [{"score": -2}, {"score": 1}],
    }
    one = found(tmp_path, *(row | {"overall_preference": score} for score in (0, None, -1)))
    assert one.pair is not None and one.pair.line == 3
    assert [reject.reason for reject in one.rejects] == ["tie", "missing_field"]


def test_of_rows_that_make_one_pair_all_are_told(tmp_path: Path) -> None:
    said = {
        "chosen": "\n\nHuman: Hi\n\nAssistant: Hello",
        "rejected": "\n\nHuman: Hi\n\nAssistant: No",
    }
    rows = [{"row_id": "1", "preference": side, "text": text} for side, text in said.items()]
    one = found(tmp_path, *rows)
    assert one.layout == "sides"
    assert one.extras == {"row_id": "1", "preference": "chosen / rejected"}


def test_data_without_a_pair_has_its_rejects(tmp_path: Path) -> None:
    row = {"prompt": "Hm?", "chosen": "a", "rejected": " "}
    one = found(tmp_path, *[row] * (MOST_REJECTS + 5))
    assert one.pair is None and len(one.rejects) == MOST_REJECTS
    assert one.rejects[0].reason == "empty_response"


def test_text_that_would_be_lost_is_an_error(tmp_path: Path) -> None:
    row = {"prompt": "Hm?", "chosen": "a", "rejected": "b", "persona": "Guide"}
    with pytest.raises(BadInput, match='"persona" holds text'):
        found(tmp_path, row)
