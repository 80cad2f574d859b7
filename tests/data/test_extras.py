"""What a row says beside its conversations, and what of it is left out."""

from __future__ import annotations

import json

from engine.data.extras import LONGEST, MOST, extras


def of(*rows: object, layout: str = "preference", spoken: tuple[str, ...] = ()) -> dict[str, str]:
    return extras([(layout, json.dumps(row)) for row in rows], spoken)


def test_scalars_are_shown_and_texts_are_not() -> None:
    row = {
        "prompt": "Hi",
        "chosen": "yes",
        "rejected": "no",
        "reason": "it answers the question that was asked and not another",
        "score_chosen": 7.25,
        "turns": 3,
        "toxic": False,
        "language": "en",
        "empty": "",
        "missing": None,
        "tags": ["short", "plain"],
        "meta": {"date": "2024-03-01", "more": {"deep": {"deeper": 1}}},
        "annotations": [{"rating": 4}],
    }
    assert of(row) == {
        "score_chosen": "7.25",
        "turns": "3",
        "toxic": "false",
        "language": "en",
        "tags": "short, plain",
        "meta.date": "2024-03-01",
    }


def test_a_short_text_that_is_said_in_the_conversation_is_left_out() -> None:
    assert of({"reply": " Yes. ", "id": 4}, layout="unknown", spoken=("Yes.",)) == {"id": "4"}


def test_rows_that_differ_show_both_values() -> None:
    one, other = {"id": "a", "preference": "chosen"}, {"id": "a", "preference": "rejected"}
    assert of(one, other, layout="sides") == {"id": "a", "preference": "chosen / rejected"}


def test_many_and_long_columns_are_cut() -> None:
    found = of({f"c{n}": "x" * 500 for n in range(100)})
    assert len(found) == MOST
    assert {len(value) for value in found.values()} == {LONGEST}


def test_rows_that_are_no_objects_say_nothing() -> None:
    assert extras([("preference", "[1]"), ("preference", b"{damaged")], ()) == {}
