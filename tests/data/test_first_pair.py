"""The first pair as `seal-tui doctor` shows it: layout, facts, and every turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.data import Source
from engine.data.shown import CHARS, first_pair
from engine.errors import BadInput


def shown(folder: Path, *rows: dict[str, Any]) -> list[tuple[str, str]]:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    lines = first_pair(Source(path))
    return [(name, text.replace(f"{path}, ", "")) for name, text in lines]


def message(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def test_every_turn_is_shown_with_its_role_and_the_facts_beside_it(tmp_path: Path) -> None:
    row = {
        "id": "r7",
        "topic": "birds",
        "prompt": [message("system", "Be brief."), message("user", "Name\n\n a wader.")],
        "chosen": [message("assistant", "A heron.", thinking="They wade.")],
        "rejected": [message("assistant", "A shark.")],
        "tools": [{"type": "function", "function": {"name": "look_up"}}],
        "margin": 0.5,
        "chosen_model": "m-x",
        "rejected_model": "m-y",
    }
    lines = shown(tmp_path, row)
    assert lines[0][0] == "layout"
    assert lines[0][1].startswith("preference: chosen and rejected")
    assert lines[1:] == [
        ("first pair", "line 1; id r7; topic birds; margin 0.5; models m-x and m-y"),
        ("  tools", "look_up"),
        ("  system", "Be brief."),
        ("  user", "Name a wader."),
        ("  chosen", "<think> They wade. </think> A heron."),
        ("  rejected", "A shark."),
    ]


def test_sides_with_different_turns_are_shown_apart(tmp_path: Path) -> None:
    def talk(*texts: str) -> list[dict[str, Any]]:
        return [message(("user", "assistant")[n % 2], text) for n, text in enumerate(texts)]

    row = {
        "chosen": talk("Hi", "Hello", "A wader?", "A heron."),
        "rejected": talk("Hi", "Hello", "A fish?", "A shark."),
    }
    assert shown(tmp_path, row)[2:] == [
        ("  user", "Hi"),
        ("  assistant", "Hello"),
        ("  user", "A wader?"),
        ("  chosen", "A heron."),
        ("  user", "A fish?"),
        ("  rejected", "A shark."),
    ]


def test_rows_before_the_first_pair_are_counted_and_long_texts_shortened(tmp_path: Path) -> None:
    row = {
        "context": [message("user", "wader " * 100)],
        "response1": "A heron.",
        "response2": "A shark.",
        "individual_preference": [{"score": -2}, {"score": 1}],
    }
    rows = [row | {"overall_preference": score} for score in (0, None, -1)]
    lines = dict(shown(tmp_path, *rows))
    assert lines["no pair"] == "2 rows before the first one: 1 tie, 1 missing_field"
    assert lines["first pair"] == "line 3; id 2; margin 1; votes 1 +2, 2 -1"
    assert len(lines["  user"]) == CHARS


def test_data_without_a_pair_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    row = {"prompt": "Hm?", "chosen": "a", "rejected": " "}
    with pytest.raises(BadInput, match="first 2 rows makes a pair: line 1: empty_response"):
        shown(tmp_path, row, row)
