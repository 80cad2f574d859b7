"""Several scored responses to one prompt: in a row, as answers of annotators, or one per row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.data import Pair, Reject, Source, Vote, read_pairs
from engine.data.layouts import BY_NAME, Change
from engine.data.layouts.rollouts import unmarked
from engine.data.options import Columns, NBest, Options
from engine.data.pairs import RowError
from engine.errors import BadInput

Read = Callable[..., tuple[list[Pair], list[Reject]]]


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def said(pair: Pair) -> tuple[str, str]:
    return pair.chosen.messages[-1].content, pair.rejected.messages[-1].content


def written(layout: str, row: dict[str, Any], nbest: NBest, *changes: Change) -> Any:
    return BY_NAME[layout](Options(nbest=nbest)).write([row], changes)[0]


# ---------------------------------------------------------------- in a row


def feedback(*completions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"instruction": "Name a wader.", "completions": list(completions), **more}


def rated(text: str, **ratings: str) -> dict[str, Any]:
    annotations = {aspect: {"Rating": rating} for aspect, rating in ratings.items()}
    return {"response": text, "model": f"m-{text.lower()}", "annotations": annotations}


def test_the_overall_score_counts_before_the_ratings(read_bytes: Read) -> None:
    row = feedback(
        rated("Shark", helpfulness="5") | {"overall_score": 2.0},
        rated("Heron", helpfulness="1") | {"overall_score": 9.0},
    )
    pairs, _ = read_bytes(lines(row))
    assert said(pairs[0]) == ("Heron", "Shark")
    facts = pairs[0].facts
    assert (facts.score_chosen, facts.score_rejected, facts.margin) == (9, 2, 7)
    assert (facts.model_chosen, facts.model_rejected) == ("m-heron", "m-shark")


def test_ratings_are_texts_and_not_applicable_ones_do_not_count(read_bytes: Read) -> None:
    row = feedback(
        rated("Shark", helpfulness="2", honesty="N/A"),
        rated("Heron", helpfulness="N/A", honesty="5"),
        rated("Loon", helpfulness="N/A", honesty="N/A"),
    )
    pairs, _ = read_bytes(lines(row))
    assert [said(pair) for pair in pairs] == [("Heron", "Shark")]


def test_rows_without_two_different_scores_are_counted(read_bytes: Read) -> None:
    one, other = rated("Heron", helpfulness="5"), rated("Loon", helpfulness="5")
    rows = (feedback(one, other), feedback(one), feedback(one, other | {"response": " "}))
    _, rejects = read_bytes(lines(*rows))
    assert [reject.reason for reject in rejects] == ["tie", "no_rival", "no_rival"]


def test_the_pairs_of_a_row_are_a_group_with_ids_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = {"id": "r", "prompt": "Name a wader.", "responses": ["Loon", "Heron", "Shark"]}
    path.write_bytes(lines(row | {"scores": [2, 3, 1]}))
    items = list(read_pairs(Source(path, options=Options(nbest="best-rest"))))
    pairs = [item for item in items if isinstance(item, Pair)]
    assert [pair.source_id for pair in pairs] == ["r:1-0", "r:1-2"]
    assert len({pair.group for pair in pairs}) == 1
    assert pairs[0].group is not None


def test_a_dropped_response_leaves_every_list_of_its_row_and_no_other() -> None:
    row = {
        "prompt": [{"role": "user", "content": text} for text in ("a", "b", "c")],
        "responses": ["Loon", "Heron", "Shark"],
        "scores": [2, 3, 1],
        "models": ["m-1", "m-2", "m-3"],
    }
    new = written("scored", row, "best-rest", Change("1-0", "keep"), Change("1-2", "omit"))
    assert new == row | {
        "responses": ["Loon", "Heron"],
        "scores": [2, 3],
        "models": ["m-1", "m-2"],
    }


def test_a_lower_rank_is_better_and_no_score(read_bytes: Read) -> None:
    answers = [{"answer": text, "rank": rank} for text, rank in (("Shark", 3), ("Heron", 1))]
    row = {"prompt": "\n\nHuman: Name a wader. \n\nAssistant: ", "answers": answers}
    pairs, _ = read_bytes(lines(row))
    assert said(pairs[0]) == ("Heron", "Shark")
    assert pairs[0].chosen.messages[0].content == "Name a wader."
    assert (pairs[0].facts.margin, pairs[0].facts.score_chosen) == (2, None)


def test_responses_without_any_score_are_refused(read_bytes: Read) -> None:
    row = {"prompt": "Name a wader.", "responses": [{"text": "Heron"}, {"text": "Shark"}]}
    with pytest.raises(BadInput, match="no response has a score, a rating or a rank"):
        read_bytes(lines(row))


def test_an_answer_that_is_json_stays_text(read_bytes: Read) -> None:
    asked = {"prompt": "Two waders, as JSON."}
    good, bad = '["heron", "stork"]', '{"heron": 1}'
    rows = (
        asked | {"chosen": good, "rejected": bad},
        asked | {"responses": [good, bad], "scores": [1, 0]},
        asked | {"completion": good, "reward": 1.0},
        asked | {"completion": bad, "reward": 0.0},
    )
    pairs, rejects = read_bytes(lines(*rows))
    assert not rejects
    assert [said(pair) for pair in pairs] == [(good, bad)] * 3


def test_the_tools_of_a_row_belong_to_every_response(read_bytes: Read) -> None:
    tools = [{"type": "function", "function": {"name": "look_up"}}]
    row = {"prompt": "Name a wader.", "responses": ["Heron", "Shark"], "scores": [1, 0]}
    pairs, _ = read_bytes(lines(row | {"tools": tools}))
    assert json.loads(pairs[0].chosen.tools) == json.loads(pairs[0].rejected.tools) == tools


def test_a_flip_of_rewardbench2_moves_both_responses_and_their_models() -> None:
    row = {
        "prompt": "Name a wader.",
        "chosen": ["Heron"],
        "rejected": ["Shark", "Loon"],
        "models": ["m-1", "m-2", "m-3"],
        "num_correct": 1,
        "num_incorrect": 2,
        "total_completions": 3,
    }
    new = written("rewardbench2", row, "best-worst", Change("0-1", "flip"))
    assert new == row | {
        "chosen": ["Shark"],
        "rejected": ["Heron", "Loon"],
        "models": ["m-2", "m-1", "m-3"],
    }
    new = written("rewardbench2", row, "best-rest", Change("0-2", "omit"))
    assert (new["rejected"], new["num_incorrect"], new["total_completions"]) == (["Shark"], 1, 2)
    assert new["models"] == ["m-1", "m-2"]


# ---------------------------------------------------------------- answers of annotators


def record(**questions: list[tuple[Any, str, str]]) -> dict[str, Any]:
    """A flat record with these answers: value, user, status."""
    row: dict[str, Any] = {"id": "r", "prompt": "Name a wader.", "response_1": "Heron"}
    row["response_2"] = "Shark"
    for question, given in questions.items():
        values, users, statuses = ([list(c) for c in zip(*given, strict=True)]) or ([], [], [])
        row[f"{question}.responses"] = values
        row[f"{question}.responses.users"] = users
        row[f"{question}.responses.status"] = statuses
    return row


def given(*values: Any) -> list[tuple[Any, str, str]]:
    return [(value, f"u{number}", "submitted") for number, value in enumerate(values, 1)]


def test_the_majority_of_submitted_answers_decides(read_bytes: Read) -> None:
    votes = given("response_2", "response_2", "response_1")
    drafts = [("response_1", "u8", "draft"), ("response_1", "u9", "discarded")]
    row = record(best=[*votes, *drafts]) | {"best.suggestion": "response_1"}
    pairs, _ = read_bytes(lines(row))
    assert said(pairs[0]) == ("Shark", "Heron")
    assert pairs[0].facts.votes == (Vote("u1", 1), Vote("u2", 1), Vote("u3", -1))


def test_answers_may_name_a_response_in_other_words(read_bytes: Read) -> None:
    pairs, _ = read_bytes(lines(record(best=given("Response 2", "response-2", "tie"))))
    assert said(pairs[0]) == ("Shark", "Heron")
    assert pairs[0].facts.votes == (Vote("u1", 1), Vote("u2", 1), Vote("u3", 0))


def test_a_bare_number_is_a_name_only_where_the_study_says_so(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(lines(record(grade=given("2", "2", "1"))))
    [reject] = read_pairs(Source(path))
    assert isinstance(reject, Reject)
    assert "answers to grade neither name nor rate" in reject.detail
    [pair] = read_pairs(Source(path, options=Options(Columns(votes="grade"))))
    assert isinstance(pair, Pair)
    assert said(pair) == ("Shark", "Heron")


def test_equal_votes_are_a_tie_and_no_votes_are_none(read_bytes: Read) -> None:
    tied = record(best=given("response_1", "response_2"))
    waiting = record(best=[("response_1", "u1", "draft")])
    _, rejects = read_bytes(lines(tied, waiting))
    assert [reject.reason for reject in rejects] == ["tie", "no_vote"]


def test_rankings_and_ratings_are_compared_by_their_means(read_bytes: Read) -> None:
    order = record(order=given(["response_2", "response_1"]))
    stars = record(rating_1=given(2, 3), rating_2=given(4, 3))
    pairs, _ = read_bytes(lines(order, stars))
    assert [said(pair) for pair in pairs] == [("Shark", "Heron")] * 2
    assert pairs[1].facts.votes == (Vote("u1", 2), Vote("u2", 0))
    assert (pairs[1].facts.score_chosen, pairs[1].facts.margin) == (3.5, 1)


def test_of_several_questions_the_study_names_one(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(lines(record(kind=given("response_1"), true=given("response_2"))))
    [reject] = read_pairs(Source(path))
    assert isinstance(reject, Reject)
    assert "kind, true all compare responses" in reject.detail
    [pair] = read_pairs(Source(path, options=Options(Columns(votes="true"))))
    assert isinstance(pair, Pair)
    assert said(pair) == ("Shark", "Heron")


def test_a_flip_exchanges_the_responses_in_final_answers_only() -> None:
    row = record(best=[*given("response_2"), ("response_2", "u9", "draft")])
    new = written("argilla-flat", row, "best-worst", Change("1-0", "flip"))
    assert new == row | {"best.responses": ["response_1", "response_2"]}
    row = record(rating_1=given(1), rating_2=given(5))
    new = written("argilla-flat", row, "best-worst", Change("1-0", "flip"))
    assert (new["rating_1.responses"], new["rating_2.responses"]) == ([5], [1])


def test_a_field_of_a_record_that_is_not_read_is_named(read_bytes: Read) -> None:
    row = {
        "fields": {"prompt": "Hm?", "response_1": "a", "response_2": "b", "dialog": "A pond."},
        "responses": {"best": [{"value": "response_1", "user_id": "u1"}]},
    }
    with pytest.raises(BadInput, match=r'"dialog" holds text that would not be read'):
        read_bytes(lines(row))


# ---------------------------------------------------------------- one per row


def rollout(prompt: str, text: str, score: float, step: int = 1) -> dict[str, Any]:
    return {"input": prompt, "output": text, "gts": None, "score": score, "step": step}


def test_rollouts_are_compared_with_those_of_the_same_prompt(read_bytes: Read) -> None:
    rows = (
        rollout("Name a wader.", "Loon", 0.5),
        rollout("Name a fish.", "Shark", 1),
        rollout("Name a wader.", "Heron", 1, step=2),
        rollout("Name a wader.", "Shark", 0, step=2),
    )
    pairs, rejects = read_bytes(lines(*rows))
    assert [said(pair) for pair in pairs] == [("Heron", "Shark")]
    assert [source.number for source in pairs[0].rows] == [0, 2, 3]
    assert [reject.reason for reject in rejects] == ["no_rival"]


def test_a_prompt_without_the_marks_of_its_template_is_read_as_messages() -> None:
    text = "system\nBe brief.\nuser\nHi\nassistant\nHello!\nuser\nName a wader.\nassistant\n"
    assert [(message.role, message.content) for message in unmarked(text)] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Hello!"),
        ("user", "Name a wader."),
    ]
    assert unmarked("Who is the user of an assistant") == ()


@pytest.mark.parametrize(
    "text",
    [
        "system\n\nBe brief.user\n\nName a wader.assistant\n\n",  # the marks stood between
        "Name a wader.\nassistant\n",
        "user\nOne\nuser\nTwo\nassistant\n",
    ],
)
def test_a_prompt_whose_turns_are_not_clear_is_refused(text: str) -> None:
    with pytest.raises(RowError) as error:
        unmarked(text)
    assert error.value.reason == "rendered"
