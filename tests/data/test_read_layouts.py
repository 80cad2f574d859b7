"""Rows with chosen and rejected: transcripts, texts and messages, and all forms of a prompt."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data import Columns, Facts, Message, Options, Pair, Reject, Vote
from engine.data.pairs import Row
from engine.data.rows import RowReader
from engine.errors import BadInput

Read = Callable[..., tuple[list[Pair], list[Reject]]]

QUESTION = "\n\nHuman: A wader?"
CHOSEN = QUESTION + "\n\nAssistant: A heron."
REJECTED = QUESTION + "\n\nAssistant: A shark."
TOOLS = [{"type": "function", "function": {"name": "look_up"}}]


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def reply(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def roles(pair: Pair) -> list[str]:
    return [message.role for message in pair.chosen.messages]


@pytest.mark.parametrize(
    ("prompt", "chosen", "rejected"),
    [
        # full conversations
        (None, CHOSEN, REJECTED),
        (None, CHOSEN.lstrip(), REJECTED.lstrip()),
        (
            None,
            [user("A wader?"), reply("A heron.")],
            [user("A wader?"), reply("A shark.")],
        ),
        # a prompt and completions
        ("A wader?", "A heron.", "A shark."),
        ("A wader?\n", " A heron.", " A shark."),
        ("A wader?", reply("A heron."), reply("A shark.")),
        ('["A wader?"]', "A heron.", "A shark."),
        (["A wader?"], "A heron.", "A shark."),
        ([user("A wader?")], [reply("A heron.")], [reply("A shark.")]),
        ([user("A wader?")], "A heron.", "A shark."),
        ("A wader?", [reply("A heron.")], [reply("A shark.")]),
        (QUESTION, "A heron.", "A shark."),
        (QUESTION + "\n\nAssistant:", " A heron.", " A shark."),
        (QUESTION, "\n\nAssistant: A heron.", "\n\nAssistant: A shark."),
        # a prompt that the conversations repeat
        ("A wader?", CHOSEN, REJECTED),
        (QUESTION, CHOSEN, REJECTED),
        (QUESTION + "\n\nAssistant:", CHOSEN, REJECTED),
        (
            "A wader?",
            [user("A wader?"), reply("A heron.")],
            [user("A wader?"), reply("A shark.")],
        ),
        # values as text
        (
            json.dumps([user("A wader?")]),
            json.dumps([reply("A heron.")]),
            json.dumps(reply("A shark.")),
        ),
    ],
)
def test_every_form_gives_the_same_conversations(
    read_bytes: Read, prompt: object, chosen: object, rejected: object
) -> None:
    row = {"prompt": prompt, "chosen": chosen, "rejected": rejected, "score_chosen": 7.0}
    pairs, rejects = read_bytes(json.dumps(row).encode())
    assert not rejects
    assert (pairs[0].chosen.encoded, pairs[0].rejected.encoded) == (CHOSEN, REJECTED)


@pytest.mark.parametrize("name", ["prompt", "question", "input", "instruction", "query", "context"])
def test_the_prompt_has_several_names(read_bytes: Read, name: str) -> None:
    row = {name: "A wader?", "chosen": "A heron.", "rejected": "A shark."}
    pairs, _ = read_bytes(json.dumps(row).encode())
    assert pairs[0].chosen.encoded == CHOSEN
    for one, other in (
        ("chosen_response", "rejected_response"),
        ("accepted", "rejected"),
        ("response", "rejected_response"),
    ):
        row = {name: "A wader?", one: "A heron.", other: "A shark."}
        pairs, _ = read_bytes(json.dumps(row).encode())
        assert (pairs[0].chosen.encoded, pairs[0].rejected.encoded) == (CHOSEN, REJECTED)


def test_earlier_turns_of_a_prompt_are_kept(read_bytes: Read) -> None:
    prompt = [user("Hello."), reply("Hello!"), user("A wader?")]
    row = {"prompt": prompt, "chosen": [reply("A heron.")], "rejected": [reply("A shark.")]}
    pairs, _ = read_bytes(json.dumps(row).encode())
    assert pairs[0].chosen.encoded == "\n\nHuman: Hello.\n\nAssistant: Hello!" + CHOSEN
    # The completions may begin with the last exchange of the prompt.
    row |= {"chosen": [user("A wader?"), reply("A heron.")]}
    again, _ = read_bytes(json.dumps(row).encode())
    assert again[0].chosen == pairs[0].chosen


def test_markers_inside_messages_and_plain_prompts_are_kept_unaltered(read_bytes: Read) -> None:
    row = {
        "prompt": "Continue: a\n\nAssistant: b",
        "chosen": [reply("c\n\nHuman: d")],
        "rejected": "Human: e",
    }
    pairs, _ = read_bytes(json.dumps(row).encode())
    asked = Message("user", "Continue: a\n\nAssistant: b")
    assert pairs[0].chosen.messages == (asked, Message("assistant", "c\n\nHuman: d"))
    assert pairs[0].rejected.messages == (asked, Message("assistant", "Human: e"))


said = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [" a ", "\n\nHuman: a", "Human: a", "<think>", "[1]", '[{"role": "user"}]', "\r\n"]
)


@given(
    before=st.lists(st.builds(system, said), max_size=1),
    turns=st.lists(st.tuples(st.builds(user, said), st.builds(reply, said)), max_size=2),
    question=st.builds(user, said),
    answers=st.tuples(*[st.builds(reply, said.filter(str.strip))] * 2),
)
def test_messages_are_read_as_they_are(
    before: list[dict[str, str]],
    turns: list[tuple[dict[str, str], dict[str, str]]],
    question: dict[str, str],
    answers: tuple[dict[str, str], dict[str, str]],
) -> None:
    prompt = [*before, *(message for turn in turns for message in turn), question]
    chosen, rejected = answers
    forms: list[dict[str, object]] = [
        {"prompt": prompt, "chosen": [chosen], "rejected": [rejected]},
        {"prompt": prompt, "chosen": chosen, "rejected": rejected},
        {"chosen": [*prompt, chosen], "rejected": [*prompt, rejected]},
        {"prompt": prompt, "chosen": [*prompt, chosen], "rejected": [*prompt, rejected]},
        {"messages": prompt, "chosen": chosen, "rejected": rejected},
        {"messages": [*prompt, chosen], "rejected_response": [rejected]},
    ]
    for row in forms:
        [pair] = RowReader(Options()).read("rows", Row(1, row, json.dumps(row).encode()))
        assert isinstance(pair, Pair)
        for conversation, answer in ((pair.chosen, chosen), (pair.rejected, rejected)):
            assert [
                {"role": message.role, "content": message.content}
                for message in conversation.messages
            ] == [*prompt, answer]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [system("Be brief."), user("A wader?")], "chosen": "A heron."},
        {
            "prompt": "A wader?",
            "chosen": [system("Be brief."), user("A wader?"), reply("A heron.")],
        },
        {"system": "Be brief.", "prompt": "A wader?", "chosen": "A heron."},
        {"system_prompt": "Be brief.\n", "question": "A wader?", "chosen": "A heron."},
        {"system": "Be brief.", "chosen": CHOSEN},
        {"chosen": "\n\nSystem: Be brief." + CHOSEN},
        {"chosen": "System: Be brief.\r\n" + CHOSEN},
        {"prompt": "\n\nSystem: Be brief." + QUESTION, "chosen": "A heron."},
        {"system": "Be brief.", "chosen": [user("A wader?"), reply("A heron.")]},
        {"system": "Be brief.", "prompt": [user("A wader?")], "chosen": CHOSEN},
        {
            "system": "Be brief.",
            "prompt": [system("Be brief."), user("A wader?")],
            "chosen": [system("Be brief."), user("A wader?"), reply("A heron.")],
        },
    ],
)
def test_a_system_message_stays_one_and_nothing_stands_twice(
    read_bytes: Read, row: dict[str, object]
) -> None:
    pairs, rejects = read_bytes(json.dumps({**row, "rejected": row["chosen"]}).encode())
    assert not rejects
    assert pairs[0].chosen.messages == (
        Message("system", "Be brief."),
        Message("user", "A wader?"),
        Message("assistant", "A heron."),
    )


@pytest.mark.parametrize(
    "row",
    [
        {"system": "Be brief.", "chosen": [system("Be long."), user("Q"), reply("A")]},
        {"system": "Be brief.", "system_prompt": "Be long.", "prompt": "Q", "chosen": "A"},
        {"prompt": [system("Be brief.")], "chosen": [system("Be long."), user("Q"), reply("A")]},
        {"prompt": "A wader?", "chosen": [user("A fish?"), reply("A heron.")]},
        {"prompt": "A wader?", "chosen": "\n\nHuman: A fish?\n\nAssistant: A heron."},
    ],
)
def test_parts_that_contradict_each_other_are_a_reject_of_its_own(
    read_bytes: Read, row: dict[str, object]
) -> None:
    good = json.dumps({"chosen": CHOSEN, "rejected": REJECTED})
    bad = json.dumps({**row, "rejected": row["chosen"]})
    pairs, rejects = read_bytes(f"{good}\n{bad}".encode())
    assert len(pairs) == 1
    assert [reject.reason for reject in rejects] == ["contradiction"]


def test_a_prompt_that_is_left_out_contradicts_nothing(read_bytes: Read) -> None:
    row = {"prompt": "A bird, please", "chosen": CHOSEN, "rejected": REJECTED}
    _, rejects = read_bytes(json.dumps(row).encode())
    assert "[data] ignore" in rejects[0].detail
    pairs, _ = read_bytes(json.dumps(row).encode(), options=Options(ignore=frozenset(["prompt"])))
    assert pairs[0].chosen.encoded == CHOSEN
    row |= {"prompt": "A\r\nwader? "}
    assert read_bytes(json.dumps(row).encode())[0][0].chosen.encoded == CHOSEN


def test_a_mark_of_a_chat_template_alone_is_text(read_bytes: Read) -> None:
    row = {"prompt": "<|im_start|> what?", "chosen": "[INST] is a mark.", "rejected": "<s>"}
    pairs, _ = read_bytes(json.dumps(row).encode())
    assert pairs[0].chosen.split() == ("\n\nHuman: <|im_start|> what?", "[INST] is a mark.")


def test_a_transcript_may_begin_like_a_list(read_bytes: Read) -> None:
    text = "[Note] Be brief.\n\nHuman: Q\n\nAssistant: A"
    pairs, _ = read_bytes(json.dumps({"chosen": text, "rejected": text, "id": 1}).encode())
    assert [message.role for message in pairs[0].chosen.messages] == ["user", "user", "assistant"]


def test_prompts_that_differ_between_the_sides_are_kept_as_they_are(read_bytes: Read) -> None:
    other = "\n\nHuman: A fish?\n\nAssistant: A shark."
    pairs, rejects = read_bytes(json.dumps({"chosen": CHOSEN, "rejected": other}).encode())
    assert not rejects
    assert (pairs[0].chosen.encoded, pairs[0].rejected.encoded) == (CHOSEN, other)


def test_identical_sides_are_a_pair_like_any_other(read_bytes: Read) -> None:
    pairs, rejects = read_bytes(json.dumps({"chosen": CHOSEN, "rejected": CHOSEN}).encode())
    assert not rejects
    assert pairs[0].chosen == pairs[0].rejected


@pytest.mark.parametrize("tools", [TOOLS, json.dumps(TOOLS)])
def test_tools_calls_and_thinking_are_kept(read_bytes: Read, tools: object) -> None:
    call = {"type": "function", "function": {"name": "look_up", "arguments": {"bird": "heron"}}}
    row = {
        "prompt": [user("A wader?")],
        "chosen": [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "name": "look_up", "content": "wades"},
            {"role": "assistant", "thinking": "It wades.", "content": "A heron."},
        ],
        "rejected": [reply("No idea.")],
        "tools": tools,
        "margin": 0.5,
    }
    pairs, rejects = read_bytes(json.dumps(row).encode())
    assert not rejects
    assert pairs[0].chosen.messages[1:] == (
        Message("assistant", tool_calls=json.dumps([call])),
        Message("tool", "wades", name="look_up"),
        Message("assistant", "A heron.", thinking="It wades."),
    )
    assert pairs[0].chosen.tools == pairs[0].rejected.tools == json.dumps(TOOLS)
    assert pairs[0].facts == Facts(margin=0.5)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"chosen": [user("Hm?")]}, "no_assistant_turn"),
        ({"chosen": []}, "no_assistant_turn"),
        ({"chosen": [reply("a"), user("b")]}, "last_turn_not_assistant"),
        ({"chosen": [user("a"), reply(" ")]}, "empty_response"),
        ({"prompt": "A wader?", "chosen": ""}, "empty_response"),
        ({"system": "Be brief.", "chosen": "A heron."}, "no_assistant_turn"),
        ({"prompt": " ", "chosen": "A heron."}, "no_assistant_turn"),
        ({"chosen": [{"role": "tool", "content": "x"}]}, "no_assistant_turn"),
        ({"chosen": [{"role": "critic", "content": "x"}]}, "unknown_role"),
        ({"prompt": 0}, "wrong_type"),
        ({"prompt": {"text": "A wader?"}}, "wrong_type"),
        ({"prompt": ["A wader?", "A fish?"]}, "wrong_type"),
        ({"prompt": '["A wader?", "A fish?"]'}, "wrong_type"),
        ({"tools": "a lamp"}, "wrong_type"),
        ({"images": ["a.png"]}, "media"),
        ({"chosen": [user("a"), {"role": "assistant", "content": [{"type": "image"}]}]}, "media"),
        ({"chosen": "<|im_start|>user\nA wader?<|im_end|>\n<|im_start|>assistant\nA."}, "rendered"),
        ({"prompt": "<|im_start|>user\nA wader?<|im_end|>", "chosen": "A heron."}, "rendered"),
        ({"prompt": "<s>[INST] A wader? [/INST]", "chosen": "A heron."}, "rendered"),
        ({"prompt": "<bos><start_of_turn>user\nA wader?", "chosen": "A heron."}, "rendered"),
    ],
)
def test_rows_that_cannot_be_used_are_rejected_with_the_reason(
    read_bytes: Read, fields: dict[str, object], reason: str
) -> None:
    good = {"chosen": CHOSEN, "rejected": REJECTED}
    content = "\n".join(json.dumps(row) for row in (good, good | fields))
    pairs, rejects = read_bytes(content.encode())
    assert len(pairs) == 1
    assert [reject.reason for reject in rejects] == [reason]


@pytest.mark.parametrize(
    ("more", "columns"),
    [
        ({"context": "A page about birds."}, ["context"]),
        ({"history": [["Hello.", "Hello!"]]}, ["history"]),
        ({"question": "Another one?"}, ["question"]),
        ({"remarks": "Both of them are birds that stand in water."}, ["remarks"]),
        ({"messages": [user("Another one?"), reply("Yes.")]}, ["messages"]),
        ({"reasoning": "Hm."}, ["reasoning"]),
        ({"text": "A page."}, ["text"]),
        (
            {"chosen_response": "Another answer.", "rejected_response": "x"},
            ["chosen_response", "rejected_response"],
        ),
        ({"accepted": "Another answer, with as many words as a sentence."}, ["accepted"]),
        ({"note": "两者都是站在水里的鸟。"}, ["note"]),
        ({"note": {"by": "kim", "why": ["Both of them are birds that stand in water."]}}, ["note"]),
    ],
)
def test_a_text_that_is_not_read_stops_the_run_with_its_column(
    read_bytes: Read, more: dict[str, object], columns: list[str]
) -> None:
    row = {"prompt": "A wader?", "chosen": "A heron.", "rejected": "A shark.", **more}
    with pytest.raises(BadInput) as caught:
        read_bytes(json.dumps(row).encode())
    message = str(caught.value)
    assert all(f'"{column}"' in message for column in columns)
    assert "[data.columns]" in message
    assert "ignore = [" in message
    pairs, _ = read_bytes(json.dumps(row).encode(), options=Options(ignore=frozenset(columns)))
    assert pairs[0].chosen.encoded == CHOSEN


@pytest.mark.parametrize(
    "more",
    [
        {"question": "A wader?"},
        {"response": "A heron."},
        {"messages": [user("A wader?"), reply("A heron.")]},
        {"messages": [user("A wader? ")]},
        {"language": "en", "source": "birds/v2", "date": "2026-01-01", "ratings": [1, 2]},
        {"reasoning": None, "context": "", "history": []},
    ],
)
def test_copies_facts_and_empty_columns_are_no_unread_text(
    read_bytes: Read, more: dict[str, object]
) -> None:
    row = {"prompt": "A wader?", "chosen": "A heron.", "rejected": "A shark.", **more}
    pairs, _ = read_bytes(json.dumps(row).encode())
    assert pairs[0].chosen.encoded == CHOSEN


def test_columns_of_the_study_come_first(read_bytes: Read) -> None:
    row = {
        "theme": "Birds.",
        "ask": "A wader?",
        "persona": "Be brief.",
        "good": "A heron.",
        "bad": "A shark.",
        "number": 7,
        "kind": "nature",
        "by": 2.5,
        "opinions": [{"annotator": "kim", "score": 2}, {"annotator": "lee", "score": -1}],
        "gs": 9,
        "bs": 1,
        "gm": "m-a",
        "bm": "m-b",
        "batch": "b1",
    }
    columns = Columns(
        prompt=("theme", "ask"),
        system="persona",
        chosen="good",
        rejected="bad",
        id="number",
        topic="kind",
        group="batch",
        margin="by",
        votes="opinions",
        scores=("gs", "bs"),
        models=("gm", "bm"),
    )
    [pair], _ = read_bytes(json.dumps(row).encode(), options=Options(columns))
    assert pair.chosen.messages == (
        Message("system", "Be brief."),
        Message("user", "Birds.\n\nA wader?"),
        Message("assistant", "A heron."),
    )
    assert (pair.source_id, pair.topic, pair.group) == ("7", "nature", "b1")
    votes = (Vote("kim", 2), Vote("lee", -1))
    assert pair.facts == Facts(2.5, votes, 9, 1, "m-a", "m-b")


@pytest.mark.parametrize(
    "columns",
    [Columns(system="persona"), Columns(prompt="ask"), Columns(margin="by"), Columns(votes="v")],
)
def test_a_setting_that_a_layout_does_not_follow_is_refused_by_name(
    read_bytes: Read, columns: Columns
) -> None:
    row = {"row_id": 1, "text": CHOSEN, "preference": "chosen", "persona": "Be brief.", "by": 1}
    [key] = [key for key in ("system", "prompt", "margin", "votes") if getattr(columns, key)]
    with pytest.raises(BadInput, match=rf"\[data\.columns\] {key}: not followed .* sides"):
        read_bytes(json.dumps(row).encode(), options=Options(columns))


def test_sides_that_the_study_names_leave_none_unread(read_bytes: Read) -> None:
    row = {
        "prompt": "Q",
        "good": "a",
        "bad": "b",
        "chosen": "Some other answer, to be sure, of words.",
    }
    options = Options(Columns(chosen="good", rejected="bad"))
    with pytest.raises(BadInput, match='"chosen" holds text'):
        read_bytes(json.dumps(row).encode(), options=options)


def test_a_column_that_no_row_has_is_refused_by_name(read_bytes: Read) -> None:
    rows = [
        {"chosen": CHOSEN, "rejected": REJECTED, "id": 1},
        {"chosen": CHOSEN, "rejected": CHOSEN},
    ]
    content = "\n".join(map(json.dumps, rows)).encode()
    assert len(read_bytes(content, options=Options(Columns(id="id")))[0]) == 2
    with pytest.raises(BadInput, match=r'"idd", which is no column .* chosen, id, rejected'):
        read_bytes(content, options=Options(Columns(id="idd")))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_with_columns_of_the_study_is_split_at_its_delimiter(
    read_bytes: Read, delimiter: str
) -> None:
    content = "\n".join(
        delimiter.join(cells) for cells in (("ask", "good", "bad"), ("A wader?", "A heron.", "x"))
    )
    options = Options(Columns(prompt="ask", chosen="good", rejected="bad"))
    pairs, _ = read_bytes(content.encode(), "pairs.csv", options=options)
    assert pairs[0].chosen.encoded == CHOSEN


def test_sides_in_rows_of_their_own_need_turns(read_bytes: Read) -> None:
    def rows(one: object) -> bytes:
        sides = {"chosen": one, "rejected": REJECTED}
        return "\n".join(
            json.dumps({"id": 1, "preference": side, "text": text}) for side, text in sides.items()
        ).encode()

    [pair], _ = read_bytes(rows(CHOSEN))
    assert (pair.chosen.encoded, pair.rejected.encoded) == (CHOSEN, REJECTED)
    assert len(pair.rows) == 2
    for text, reason in (("A heron.", "no_assistant_turn"), (7, "wrong_type")):
        _, rejects = read_bytes(rows(text))
        assert [reject.reason for reject in rejects] == [reason]


def test_facts_have_the_names_that_datasets_use(read_bytes: Read) -> None:
    base = {"prompt": "A wader?", "chosen": "A heron.", "rejected": "A shark."}
    for more in (
        {"score_chosen": 9, "score_rejected": "1.5"},
        {"chosen_score": 9, "rejected_score": 1.5},
        {"chosen-rating": 9, "rejected-rating": 1.5},
    ):
        pairs, _ = read_bytes(json.dumps({**base, **more}).encode())
        assert pairs[0].facts == Facts(score_chosen=9, score_rejected=1.5)
    models = {"chosen_model": "m-a", "rejected_model": "m-b", "margin": "N/A"}
    pairs, _ = read_bytes(json.dumps({**base, **models}).encode())
    assert pairs[0].facts == Facts(model_chosen="m-a", model_rejected="m-b")
