"""Two responses and who won: HelpSteer, arenas, judges, annotated pairs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.data import Pair, Reject, Source, Vote, read_pairs
from engine.data.layouts import BY_NAME, Change
from engine.data.options import Columns, Options

Read = Callable[..., tuple[list[Pair], list[Reject]]]

STEER = {
    "context": [{"role": "user", "content": "Name a wader."}],
    "response1": "A heron.",
    "response2": "A shark.",
    "overall_preference": -2,
    "individual_preference": [{"score": -3, "feedback1": "It is right, and so it helps."}],
}


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def said(pair: Pair) -> tuple[str, str]:
    return pair.chosen.messages[-1].content, pair.rejected.messages[-1].content


def flipped(layout: str, row: dict[str, Any]) -> Any:
    return BY_NAME[layout](Options()).write([row], [Change("", "flip")])[0]


# ---------------------------------------------------------------- HelpSteer


def test_negative_preferences_of_helpsteer3_are_for_the_first_response(read_bytes: Read) -> None:
    votes = [{"score": 2}, {"score": -1}, {"score": 0}, {"score": None}]
    later = STEER | {"overall_preference": 1, "individual_preference": votes}
    pairs, _ = read_bytes(lines(STEER, later))
    assert said(pairs[0]) == ("A heron.", "A shark.")
    assert (pairs[0].facts.margin, pairs[0].facts.votes) == (2, (Vote("1", 3),))
    assert said(pairs[1]) == ("A shark.", "A heron.")
    assert pairs[1].facts.votes == (Vote("1", 2), Vote("2", -1), Vote("3", 0))


def test_a_preference_of_0_is_a_tie_and_none_is_a_fault(read_bytes: Read) -> None:
    rows = (STEER, STEER | {"overall_preference": 0}, STEER | {"overall_preference": None})
    _, rejects = read_bytes(lines(*rows))
    assert [reject.reason for reject in rejects] == ["tie", "missing_field"]


@pytest.mark.parametrize(
    ("strength", "other"), [(-2, 2), (1, -1), (1.5, -1.5), ("-3", "3"), ("2", "-2")]
)
def test_a_flip_changes_the_sign_as_the_file_writes_it(strength: object, other: object) -> None:
    new = flipped("helpsteer3", STEER | {"overall_preference": strength})
    assert new == STEER | {"overall_preference": other}


def test_a_response_that_looks_like_a_transcript_stays_one_message(read_bytes: Read) -> None:
    text = "Human: a species.\n\nAssistant: a helper."
    pairs, _ = read_bytes(lines(STEER | {"response1": text}))
    assert said(pairs[0])[0] == text
    assert len(pairs[0].chosen.messages) == 2


def test_earlier_turns_of_a_helpsteer2_prompt_are_messages(read_bytes: Read) -> None:
    row = {
        "prompt": "Hi\n<extra_id_1>Assistant\nHello!\n<extra_id_1>User\nName a wader.",
        "response_1": "A shark.",
        "response_2": "A heron.",
        "preference_strength": 1,
    }
    pairs, _ = read_bytes(lines(row))
    assert [(m.role, m.content) for m in pairs[0].chosen.messages] == [
        ("user", "Hi"),
        ("assistant", "Hello!"),
        ("user", "Name a wader."),
        ("assistant", "A heron."),
    ]


# ---------------------------------------------------------------- arenas


def battle(winner: str = "model_a", **more: Any) -> dict[str, Any]:
    ask = {"role": "user", "content": "Name a wader."}
    sides = {
        f"conversation_{side}": [ask, {"role": "assistant", "content": text}]
        for side, text in (("a", "A heron."), ("b", "A shark."))
    }
    return {**sides, "model_a": "m-x", "model_b": "m-y", "winner": winner, **more}


def test_the_winner_of_a_battle_is_chosen_with_its_model(read_bytes: Read) -> None:
    pairs, _ = read_bytes(lines(battle(), battle("model_b", judge="user_7")))
    assert [said(pair) for pair in pairs] == [("A heron.", "A shark."), ("A shark.", "A heron.")]
    assert [pair.facts.model_chosen for pair in pairs] == ["m-x", "m-y"]
    assert pairs[1].facts.votes == (Vote("user_7", 1),)


def test_ties_and_battles_that_both_lost_are_told_apart(read_bytes: Read) -> None:
    winners = ("model_a", "tie", "both_bad", "tie (bothbad)", "model_c")
    _, rejects = read_bytes(lines(*map(battle, winners)))
    reasons = [reject.reason for reject in rejects]
    assert reasons == ["tie", "both_bad", "both_bad", "wrong_type"]


def test_battles_of_one_session_are_one_group(read_bytes: Read) -> None:
    pairs, _ = read_bytes(lines(*(battle(evaluation_session_id=s) for s in ("s1", "s2", "s1"))))
    assert [pair.group for pair in pairs] == ["s1", "s2", "s1"]


def test_a_battle_about_an_image_is_a_reject(read_bytes: Read) -> None:
    parts = [
        {"type": "text", "text": "What is it?", "image": None},
        {"type": "image", "text": None, "image": "https://127.0.0.1/heron.png"},
    ]
    row = battle()
    row["conversation_a"][0] = {"role": "user", "content": parts}
    _, rejects = read_bytes(lines(battle(), row))
    assert [reject.reason for reject in rejects] == ["media"]


def test_turns_after_the_vote_are_not_read(read_bytes: Read) -> None:
    row = battle(turn=1)
    for side in ("conversation_a", "conversation_b"):
        row[side] += [
            {"role": "user", "content": "And a diver?"},
            {"role": "assistant", "content": "A loon."},
        ]
    pairs, _ = read_bytes(lines(row, row | {"turn": 2}))
    assert [said(pair) for pair in pairs] == [("A heron.", "A shark."), ("A loon.", "A loon.")]


def test_flat_battles_hold_their_turns_as_json(read_bytes: Read) -> None:
    table = (
        "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
        '1,m-x,m-y,"[""Hi"",""Name a wader.""]","[""Hello"",""A heron.""]",'
        '"[null,""A shark.""]",0,1,0\n'
        '2,m-x,m-y,"[""Hi""]","[""Hello""]","[""Yes""]",0,0,1\n'
        '3,m-x,m-y,"[""Hi""]","[""Hello""]","[""Yes"",""No""]",1,0,0\n'
    )
    pairs, rejects = read_bytes(table.encode(), "battles.csv")
    assert [said(pair) for pair in pairs] == [("A shark.", "A heron.")]
    assert [m.content for m in pairs[0].rejected.messages][:3] == ["Hi", "Hello", "Name a wader."]
    assert [reject.reason for reject in rejects] == ["tie", "wrong_type"]


# ---------------------------------------------------------------- judges


def judged(first: str | None, second: str | None, **more: Any) -> dict[str, Any]:
    def game(a: str, b: str, score: str | None) -> dict[str, Any]:
        shown = (
            "<|User Prompt|>\nName a wader.\n\n"
            f"<|The Start of Assistant A's Answer|>\n{a}\n<|The End of Assistant A's Answer|>\n\n"
            f"<|The Start of Assistant B's Answer|>\n{b}\n<|The End of Assistant B's Answer|>"
        )
        return {"user_prompt": shown, "judgment": "…", "score": score}

    games = [game("A shark.", "A heron.", first), game("A heron.", "A shark.", second)]
    return {"question_id": "q", "model": "m-new", "judge": "j-1", "games": games, **more}


def test_the_games_of_a_judge_are_read_with_the_sides_swapped_back(read_bytes: Read) -> None:
    pairs, _ = read_bytes(lines(judged("B>>A", "A>B"), judged("A>B", "A=B", baseline="m-old")))
    assert [said(pair) for pair in pairs] == [("A heron.", "A shark."), ("A shark.", "A heron.")]
    assert (pairs[0].facts.margin, pairs[0].facts.model_chosen) == (1.5, "m-new")
    assert pairs[0].facts.votes == (Vote("j-1", 2), Vote("j-1", 1))
    assert (pairs[1].facts.margin, pairs[1].facts.model_chosen) == (0.5, "m-old")


def test_games_that_contradict_each_other_are_a_tie(read_bytes: Read) -> None:
    rows = (judged("B>A", "A>B"), judged("A>B", "A>B"), judged("A=B", "A=B"), judged("A>B", None))
    _, rejects = read_bytes(lines(*rows))
    assert [reject.reason for reject in rejects] == ["tie", "tie", "no_vote"]
    assert "prefers a side" in rejects[0].detail


def test_games_whose_answers_cannot_be_found_are_rejects(read_bytes: Read) -> None:
    twice, other = judged("B>A", "A>B"), judged("B>A", "A>B")
    twice["games"][0]["user_prompt"] = "Which one is better? The first or the second?"
    other["games"][1] = other["games"][0]
    _, rejects = read_bytes(lines(judged("B>A", "A>B"), twice, other))
    assert [reject.reason for reject in rejects] == ["wrong_type", "wrong_type"]
    assert "marks of Arena-Hard's prompt" in rejects[0].detail
    assert "not of the same answers" in rejects[1].detail


# ---------------------------------------------------------------- annotated pairs


def annotated(folder: Path) -> Path:
    comparison = {
        "id": "c1",
        "prompt": "Name a wader.",
        "response_a": {"text": "A shark.", "model": "m-x"},
        "response_b": {"text": "A heron.", "model": "m-y"},
        "annotations": {"h1": {"pref": "b"}, "h2": {"pref": "a"}, "p1": {"pref": "a"}},
        "metadata": {"index": "0"},
    }
    content = {
        "metadata": {"version": "2.0", "default_annotator": "h1"},
        "annotators": {
            "h1": {"name": "crowd", "type": "human"},
            "h2": {"name": "expert", "type": "human"},
            "p1": {"description": "Select the longer response", "type": "principle"},
        },
        "comparisons": [
            comparison,
            comparison | {"id": "c2", "annotations": {"h1": {"pref": None}}},
        ],
    }
    path = folder / "pairs.json"
    path.write_text(json.dumps(content, indent=2), "utf-8")
    return path


def test_annotated_pairs_follow_the_default_annotator(read: Read, tmp_path: Path) -> None:
    pairs, rejects = read(annotated(tmp_path))
    assert [said(pair) for pair in pairs] == [("A heron.", "A shark.")]
    assert (pairs[0].source_id, pairs[0].facts.model_chosen) == ("c1", "m-y")
    assert pairs[0].facts.votes == (Vote("crowd", 1), Vote("expert", -1))
    assert [(reject.reason, reject.line) for reject in rejects] == [("tie", 2)]


def test_another_annotator_may_be_named(tmp_path: Path) -> None:
    options = Options(Columns(votes="h2"))
    first = next(iter(read_pairs(Source(annotated(tmp_path), options=options))))
    assert isinstance(first, Pair)
    assert said(first) == ("A shark.", "A heron.")
