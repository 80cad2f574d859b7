"""Rows as trainers want them: LLaMA-Factory, ms-swift, NeMo RL, KTO; and SHP and PKU-SafeRLHF."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from engine.data import Facts, Message, Options, Pair, Reject
from engine.data.layouts import BY_NAME, Change
from engine.data.options import NBest
from engine.errors import BadInput

Read = Callable[..., tuple[list[Pair], list[Reject]]]

SYSTEM = Message("system", "Be brief.")
Q, GOOD, BAD = (Message("user", "Q"), Message("assistant", "good"), Message("assistant", "bad"))


def lines(*rows: Mapping[str, object]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def sides(pair: Pair) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    return pair.chosen.messages, pair.rejected.messages


def texts(pair: Pair) -> tuple[str, str]:
    return pair.chosen.split()[1], pair.rejected.split()[1]


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def written(pair: Pair, action: Any, nbest: NBest = "best-worst") -> list[Any]:
    """The pair's rows after a decision on it."""
    layout = BY_NAME[pair.rows[0].layout](Options(nbest=nbest))
    rows = [json.loads(row.raw) for row in pair.rows]
    return layout.write(rows, [Change(pair.place, action)])


# --- LLaMA-Factory


@pytest.mark.parametrize(
    ("fields", "question"),
    [
        ({"instruction": "Sum up.", "input": "A page."}, "Sum up.\nA page."),
        ({"instruction": "Sum up.", "input": ""}, "Sum up."),
        ({"instruction": "Sum up.", "input": None}, "Sum up."),
        ({"instruction": "", "input": "A page."}, "A page."),
    ],
)
def test_instruction_and_input_are_one_question(
    read_bytes: Read, fields: dict[str, object], question: str
) -> None:
    row = {**fields, "chosen": "good", "rejected": "bad"}
    [pair], _ = read_bytes(lines(row))
    assert sides(pair) == ((Message("user", question), GOOD), (Message("user", question), BAD))
    assert pair.rows[0].layout == "alpaca"


def test_history_and_system_come_before_the_instruction(read_bytes: Read) -> None:
    row = {
        "system": "Be brief.",
        "instruction": "Q",
        "input": "",
        "history": [["Hi.", "Hello."]],
        "chosen": "good",
        "rejected": "bad",
    }
    [pair], _ = read_bytes(lines(row))
    before = (SYSTEM, Message("user", "Hi."), Message("assistant", "Hello."), Q)
    assert sides(pair) == ((*before, GOOD), (*before, BAD))
    [flipped] = written(pair, "flip")
    assert flipped == {**row, "chosen": "bad", "rejected": "good"}


@pytest.mark.parametrize("history", [["Hi."], [["Hi."]], "Hi.", [["Hi.", None]], {"a": 1}, 5])
def test_another_history_is_refused(read_bytes: Read, history: object) -> None:
    good = {"instruction": "Q", "input": "", "chosen": "a", "rejected": "b", "history": []}
    pairs, rejects = read_bytes(lines(good, {**good, "history": history}))
    assert len(pairs) == 1
    assert [reject.reason for reject in rejects] == ["wrong_type"]


@pytest.mark.parametrize("name", ["conversations", "messages", "conversation"])
@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: [m], lambda m: m["value"], json.dumps])
def test_sides_may_be_one_message_after_the_conversation(
    read_bytes: Read, name: str, wrap: Callable[[dict[str, str]], object]
) -> None:
    row = {
        name: [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "Q"}],
        "chosen": wrap({"from": "gpt", "value": "good"}),
        "rejected": wrap({"from": "gpt", "value": "bad"}),
    }
    [pair], _ = read_bytes(lines(row))
    assert pair.rows[0].layout == "sharegpt"
    assert sides(pair) == ((SYSTEM, Q, GOOD), (SYSTEM, Q, BAD))
    assert written(pair, "flip") == [{**row, "chosen": row["rejected"], "rejected": row["chosen"]}]


def test_the_conversation_may_repeat_the_chosen_side(read_bytes: Read) -> None:
    chosen = [message("user", "Q"), message("assistant", "good")]
    rejected = [message("user", "Q"), message("assistant", "bad")]
    row = {"messages": chosen, "chosen": chosen, "rejected": rejected}
    [pair], _ = read_bytes(lines(row))
    assert sides(pair) == ((Q, GOOD), (Q, BAD))
    [flipped] = written(pair, "flip")
    assert flipped == {"messages": rejected, "chosen": rejected, "rejected": chosen}
    other = [message("user", "Q"), message("assistant", "another")]
    _, rejects = read_bytes(lines(row, {**row, "messages": other}))
    assert [reject.reason for reject in rejects] == ["contradiction"]


# --- ms-swift

ASKED = [message("system", "Be brief."), message("user", "Q")]


@pytest.mark.parametrize(
    "rejected",
    [
        {"rejected_response": "bad"},
        {"rejected_response": message("assistant", "bad")},
        {"rejected_response": [message("assistant", "bad")]},
        {"rejected_messages": [*ASKED, message("assistant", "bad")]},
        {"rejected_messages": [*ASKED, message("assistant", "bad")], "rejected_response": None},
    ],
)
def test_the_rejected_answer_of_ms_swift_has_several_forms(
    read_bytes: Read, rejected: dict[str, object]
) -> None:
    row = {"messages": [*ASKED, message("assistant", "good")], **rejected, "margin": 1.5}
    [pair], _ = read_bytes(lines(row))
    assert sides(pair) == ((SYSTEM, Q, GOOD), (SYSTEM, Q, BAD))
    assert pair.facts == Facts(margin=1.5)
    [flipped] = written(pair, "flip")
    assert {key: type(value) for key, value in flipped.items()} == {
        key: type(value) for key, value in row.items()
    }
    [again], _ = read_bytes(lines(flipped))
    assert sides(again) == sides(pair)[::-1]
    assert written(again, "flip") == [row]


def test_the_rejected_answer_replaces_all_that_follows_the_last_user_turn(read_bytes: Read) -> None:
    call = [{"name": "look_up"}]
    row = {
        "messages": [
            message("user", "Hi."),
            message("assistant", "Hello."),
            message("user", "Q"),
            {"role": "assistant", "content": "", "tool_calls": call},
            message("tool", "found"),
            message("assistant", "good"),
        ],
        "rejected_response": "bad",
    }
    [pair], _ = read_bytes(lines(row))
    assert pair.rejected.messages == (
        Message("user", "Hi."),
        Message("assistant", "Hello."),
        Q,
        BAD,
    )
    [flipped] = written(pair, "flip")
    [again], _ = read_bytes(lines(flipped))
    assert sides(again) == sides(pair)[::-1]


def test_images_of_ms_swift_are_rejects(read_bytes: Read) -> None:
    row = {"messages": [*ASKED, message("assistant", "good")], "rejected_response": "bad"}
    pairs, rejects = read_bytes(lines(row, {**row, "images": ["k.png"]}, {**row, "images": []}))
    assert len(pairs) == 2
    assert [reject.reason for reject in rejects] == ["media"]


# --- NeMo RL


def ranked(*ranks: int) -> dict[str, Any]:
    completions = [
        {"rank": rank, "completion": [message("assistant", f"of rank {rank}")], "reward": 9 - rank}
        for rank in ranks
    ]
    return {"context": [message("user", "Q")], "completions": completions}


@pytest.mark.parametrize(
    ("nbest", "expected"),
    [
        ("best-worst", [("of rank 0", "of rank 5")]),
        ("best-rest", [("of rank 0", "of rank 2"), ("of rank 0", "of rank 5")]),
        ("adjacent", [("of rank 0", "of rank 2"), ("of rank 2", "of rank 5")]),
    ],
)
def test_the_lowest_rank_is_the_best(
    read_bytes: Read, nbest: NBest, expected: list[tuple[str, str]]
) -> None:
    pairs, _ = read_bytes(lines(ranked(5, 0, 2)), options=Options(nbest=nbest))
    assert [texts(pair) for pair in pairs] == expected
    assert len({pair.group for pair in pairs}) == 1
    assert pairs[0].facts.score_chosen == 9
    [row] = written(pairs[0], "flip", nbest)
    flipped, _ = read_bytes(lines(row), options=Options(nbest=nbest))
    assert texts(pairs[0])[::-1] in [texts(pair) for pair in flipped]


def test_equal_ranks_are_a_tie(read_bytes: Read) -> None:
    _, rejects = read_bytes(lines(ranked(0, 1), ranked(1, 1), ranked(1)))
    assert [reject.reason for reject in rejects] == ["tie", "no_rival"]


# --- KTO


def kto(text: str, label: object, prompt: str = "Q") -> dict[str, object]:
    return {"prompt": prompt, "completion": text, "label": label}


def test_responses_are_paired_by_prompt_in_their_order(read_bytes: Read) -> None:
    rows = [
        kto("a", True),
        kto("x", False, "P"),
        kto("b", True),
        kto("c", False),
        kto("y", True, "P"),
        kto("alone", True, "R"),
    ]
    pairs, rejects = read_bytes(lines(*rows))
    assert [texts(pair) for pair in pairs] == [("a", "c"), ("b", "c"), ("y", "x")]
    assert pairs[0].group == pairs[1].group != pairs[2].group
    assert [(reject.reason, len(reject.rows)) for reject in rejects] == [("no_rival", 1)]
    more = [kto("a", True), kto("b", True), kto("c", False), kto("d", False)]
    pairs, _ = read_bytes(lines(*more))
    assert [texts(pair) for pair in pairs] == [("a", "c"), ("b", "d")]
    pairs, _ = read_bytes(lines(*more), options=Options(nbest="best-rest"))
    assert [texts(pair) for pair in pairs] == [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")]


@pytest.mark.parametrize(
    ("yes", "no"),
    [(True, False), (1, 0), (1.0, 0.0), ("true", "false"), ("True", "False"), ("1", "0")],
)
def test_labels_have_several_forms_and_keep_theirs(
    read_bytes: Read, yes: object, no: object
) -> None:
    rows = [kto("a", yes), kto("b", no)]
    [pair], _ = read_bytes(lines(*rows))
    assert texts(pair) == ("a", "b")
    assert written(pair, "flip") == [kto("a", no), kto("b", yes)]
    assert written(pair, "tie") == written(pair, "omit") == [None, None]


def test_a_bad_row_of_kto_leaves_the_others_of_its_prompt(read_bytes: Read) -> None:
    rows = [kto("a", True), kto("", True), kto("b", 7), kto("c", None), kto("d", False)]
    pairs, rejects = read_bytes(lines(*rows))
    assert [texts(pair) for pair in pairs] == [("a", "d")]
    assert [reject.reason for reject in rejects] == [
        "empty_response",
        "wrong_type",
        "missing_field",
    ]


def test_kto_rows_may_be_messages(read_bytes: Read) -> None:
    before = [message("user", "Hi."), message("assistant", "Hello."), message("user", "Q")]
    rows = [
        {"messages": [*before, message("assistant", "good")], "label": True},
        {"messages": [*before, message("assistant", "bad")], "label": False},
    ]
    [pair], _ = read_bytes(lines(*rows))
    assert pair.chosen.messages[-2:] == (Q, GOOD)
    rows = [
        {"instruction": "Sum up.", "input": "A page.", "output": "good", "kto_tag": True},
        {"instruction": "Sum up.", "input": "A page.", "output": "bad", "kto_tag": False},
    ]
    [pair], _ = read_bytes(lines(*rows))
    assert pair.chosen.messages == (Message("user", "Sum up.\nA page."), GOOD)


def test_two_answers_in_one_row_contradict_each_other(read_bytes: Read) -> None:
    good = [kto("a", True), kto("b", False)]
    twice = {**kto("a", True, "P"), "response": "c"}
    pairs, rejects = read_bytes(lines(*good, twice))
    assert (len(pairs), [reject.reason for reject in rejects]) == (1, ["contradiction"])
    whole = [*ASKED, message("assistant", "bad")]
    row = {"messages": whole, "rejected_messages": whole, "rejected_response": "worse"}
    pairs, rejects = read_bytes(lines({**row, "rejected_response": None}, row))
    assert (len(pairs), [reject.reason for reject in rejects]) == (1, ["contradiction"])


def test_another_system_message_is_another_prompt(read_bytes: Read) -> None:
    rows = [{**kto("a", True), "system": "Be brief."}, {**kto("b", False), "system": "Rhyme."}]
    _, rejects = read_bytes(lines(*rows, kto("c", True, "P"), kto("d", False, "P")))
    assert [reject.reason for reject in rejects] == ["no_rival", "no_rival"]


def test_responses_of_kto_may_have_scores_and_models(read_bytes: Read) -> None:
    rows = [
        {**kto("a", True), "rating": 4.5, "model": "m-a"},
        {**kto("b", False), "rating": 1, "model": "m-b"},
    ]
    [pair], _ = read_bytes(lines(*rows))
    assert pair.facts == Facts(None, (), 4.5, 1, "m-a", "m-b")


# --- answers that are JSON


@pytest.mark.parametrize(
    "rows",
    [
        [{"conversations": [message("user", "Q")], "chosen": "JSON", "rejected": "[2]"}],
        [
            {
                "messages": [message("user", "Q"), message("assistant", "JSON")],
                "rejected_response": "[2]",
            }
        ],
        [{"instruction": "Q", "input": "", "chosen": "JSON", "rejected": "[2]"}],
        [{"prompt": "Q", "response_0": "JSON", "response_1": "[2]", "better_response_id": 0}],
        [kto("JSON", True), kto("[2]", False)],
        [{"prompt": "Q", "chosen": "JSON", "rejected": "[2]"}],
    ],
)
def test_an_answer_that_is_json_is_text_in_every_layout(
    read_bytes: Read, rows: list[dict[str, object]]
) -> None:
    whole = json.loads(json.dumps(rows).replace('"JSON"', json.dumps('{"legs": 2}')))
    [pair], _ = read_bytes(lines(*whole))
    assert texts(pair) == ('{"legs": 2}', "[2]")
    [flipped], _ = read_bytes(lines(*written(pair, "flip")))
    assert texts(flipped) == ("[2]", '{"legs": 2}')
    assert written(flipped, "flip") == whole


# --- PKU-SafeRLHF and SHP

SAFE = {
    "prompt": "Q",
    "response_0": "Human: no.",
    "response_1": "good",
    "response_0_source": "m-a",
    "response_1_source": "m-b",
    "is_response_0_safe": True,
    "better_response_id": 1,
    "safer_response_id": 0,
}


def test_the_better_response_is_the_chosen_one_and_the_safer_one_on_demand(
    read_bytes: Read,
) -> None:
    [pair], _ = read_bytes(lines(SAFE))
    assert texts(pair) == ("good", "Human: no.")
    assert pair.facts == Facts(model_chosen="m-b", model_rejected="m-a")
    assert written(pair, "flip") == [{**SAFE, "better_response_id": 0}]
    options = Options(ignore=frozenset(["better_response_id"]))
    [pair], _ = read_bytes(lines(SAFE), options=options)
    assert texts(pair) == ("Human: no.", "good")
    _, rejects = read_bytes(lines(SAFE, {**SAFE, "better_response_id": -1}))
    assert [reject.reason for reject in rejects] == ["wrong_type"]


SHP = {
    "post_id": "p1",
    "domain": "baking_test",
    "history": "Human: Q",
    "human_ref_A": "good",
    "human_ref_B": "bad",
    "labels": 1,
    "score_A": 30,
    "score_B": 10,
    "score_ratio": 3.0,
}


def test_label_one_prefers_a_and_posts_are_groups(read_bytes: Read) -> None:
    one, other = read_bytes(lines(SHP, {**SHP, "labels": 0}))[0]
    assert texts(one) == texts(other)[::-1] == ("good", "bad")
    assert one.facts == Facts(3.0, (), 30, 10)
    assert other.facts == Facts(3.0, (), 10, 30)
    assert (one.group, one.topic) == ("p1", "baking_test")
    assert one.chosen.messages[0] == Message("user", "Human: Q")
    assert written(one, "flip") == [{**SHP, "labels": 0}]


@pytest.mark.parametrize("row", [SAFE, SHP, ranked(0, 1)])
def test_text_beside_a_layout_is_refused_by_name(read_bytes: Read, row: dict[str, object]) -> None:
    with pytest.raises(BadInput, match='"reference_answer" holds text'):
        read_bytes(lines({**row, "reference_answer": "A good one."}))
    [pair], _ = read_bytes(lines({**row, "system": "Be brief."}))
    assert pair.chosen.messages[0] == SYSTEM
