"""What real files vary in: each is read exactly, or refused by name; nothing is lost silently."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from engine.data import Options, Pair, Reject
from engine.data.cells import structure
from engine.data.layouts import BY_NAME, Change
from engine.data.messages import read_message
from engine.data.nesting import MOST, is_deep
from engine.data.options import Columns
from engine.data.prose import is_text
from engine.errors import BadInput

Read = Callable[..., tuple[list[Pair], list[Reject]]]
PAIR = {"prompt": "Name a bird.", "chosen": "The heron.", "rejected": "Bird."}
ASKED = [{"role": "user", "content": "Name a bird."}]


def rows(*of: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in of).encode()


def said(value: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": value}]


# ---------------------------------------------------------------- messages


@pytest.mark.parametrize("role", ["function_call", "Function_Call", "tool_call"])
@pytest.mark.parametrize(
    ("value", "calls"),
    [
        ('{"name": "look", "arguments": {}}', [{"name": "look", "arguments": {}}]),
        ("42", [{"name": "", "arguments": "42"}]),
        ('"look"', [{"name": "", "arguments": '"look"'}]),
        ("look(up", [{"name": "", "arguments": "look(up"}]),
        ("[" * 5000, [{"name": "", "arguments": "[" * 5000}]),
    ],
)
def test_what_a_calling_role_says_is_a_call(role: str, value: str, calls: object) -> None:
    message = read_message({"from": role, "value": value}, "here")
    assert message.role == "assistant"
    assert not message.content
    assert json.loads(message.tool_calls) == calls


def test_calls_one_after_another_are_of_one_message(read_bytes: Read) -> None:
    calls = [{"role": "tool_call", "content": json.dumps({"name": name})} for name in "fg"]
    thought = {"role": "assistant", "content": "Let me look."}
    messages = [*ASKED, thought, *calls, {"role": "tool_response", "content": "3"}, *said("Heron")]
    row = {"messages": messages, "rejected_response": "Bird"}
    [pair], [] = read_bytes(rows(row))
    roles = [message.role for message in pair.chosen.messages]
    assert roles == ["user", "assistant", "tool", "assistant"]
    assert pair.chosen.messages[1].content == "Let me look."
    assert json.loads(pair.chosen.messages[1].tool_calls) == [{"name": "f"}, {"name": "g"}]
    [turned] = BY_NAME["ms-swift"](Options()).write([row], [Change("", "flip")])
    [other], [] = read_bytes(rows(dict(turned or {})))
    assert (other.chosen, other.rejected) == (pair.rejected, pair.chosen)


def test_a_text_in_place_of_a_call_is_no_call(read_bytes: Read) -> None:
    row = {"messages": [*ASKED, {"role": "tool_call", "content": '{"name": "f"}'}]}
    row |= {"rejected_response": "Bird"}
    [pair], [] = read_bytes(rows(row))
    [turned] = BY_NAME["ms-swift"](Options()).write([row], [Change("", "flip")])
    [other], [] = read_bytes(rows(dict(turned or {})))
    assert (other.chosen, other.rejected) == (pair.rejected, pair.chosen)


def test_ids_of_calls_may_be_numbers() -> None:
    message = read_message({"role": "tool_response", "content": "3", "tool_call_id": 7}, "here")
    assert (message.role, message.call_id) == ("tool", "7")


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "thinking", "text": "A wader."}, {"type": "text", "text": "Heron"}],
        [{"type": "tool_result", "content": "Heron"}],
        {"content": "sunny", "degrees": 31},
    ],
)
def test_a_part_that_is_more_than_text_is_never_read_as_text(
    read_bytes: Read, content: object
) -> None:
    row = {"prompt": ASKED, "chosen": said("Heron"), "rejected": said("Bird")}
    bad = row | {"chosen": [{"role": "assistant", "content": content}]}
    pairs, rejects = read_bytes(rows(row, bad))
    assert len(pairs) == 1
    assert [reject.reason for reject in rejects] == ["wrong_type"]


@pytest.mark.parametrize("field", ["thoughts", "function_calls"])
def test_a_short_text_beside_the_content_is_named(read_bytes: Read, field: str) -> None:
    chosen = [{"role": "assistant", "content": "Heron", field: "it wades"}]
    row = {"prompt": ASKED, "chosen": chosen, "rejected": said("Bird")}
    with pytest.raises(BadInput, match=f'"{field}" holds text') as caught:
        read_bytes(rows(row))
    assert "[data.columns]" not in str(caught.value)  # which names no fields of a message
    [pair], _ = read_bytes(rows(row), options=Options(ignore=frozenset((field,))))
    assert pair.chosen.messages[-1].content == "Heron"


def test_two_different_calls_of_one_message_are_not_dropped_silently(read_bytes: Read) -> None:
    calls = {"function_call": {"name": "f"}, "tool_calls": [{"function": {"name": "g"}}]}
    chosen = [{"role": "assistant", "content": "", **calls}]
    with pytest.raises(BadInput, match="function_call"):
        read_bytes(rows({"prompt": ASKED, "chosen": chosen, "rejected": said("Bird")}))


@pytest.mark.parametrize(
    "answer", ['{"role": "assistant", "rights": ["read"]}', '[{"role": "user", "age": 3}]']
)
def test_an_answer_in_json_with_a_role_but_no_content_stays_text(
    read_bytes: Read, answer: str
) -> None:
    [pair], _ = read_bytes(rows(PAIR | {"chosen": answer}))
    assert pair.chosen.messages[-1].content == answer


# ---------------------------------------------------------------- columns


@pytest.mark.parametrize(
    "name", ["system_instruction", "sys_prompt", "chat_history", "systemPrompt", "meta.context"]
)
def test_a_column_whose_last_word_says_text_holds_text(name: str) -> None:
    assert is_text(name, "Be terse.")
    assert not is_text(name, "3")
    assert not is_text(name, "false")
    assert not is_text(f"{name}_source", "a site")


def test_sides_that_only_name_the_responses_are_not_read_as_responses(read_bytes: Read) -> None:
    row = {"prompt": "q", "response_a": "Heron.", "response_b": "Bird."}
    with pytest.raises(BadInput, match='"response_a", "response_b" hold text'):
        read_bytes(rows(row | {"chosen": "A", "rejected": "B"}))


def test_sides_under_other_names_are_not_passed_over(read_bytes: Read) -> None:
    row = PAIR | {"chosen_response": "The stork."}
    with pytest.raises(BadInput, match='"chosen_response" holds text'):
        read_bytes(rows(row))
    own = Options(Columns(chosen="win", rejected="lose"))
    with pytest.raises(BadInput, match='"chosen", "rejected" hold text'):
        read_bytes(rows(PAIR | {"win": "A heron.", "lose": "A bird."}), options=own)


def test_one_column_cannot_be_both_sides(read_bytes: Read) -> None:
    with pytest.raises(BadInput, match='"chosen" cannot be both sides'):
        read_bytes(rows(PAIR), options=Options(Columns(chosen="chosen", rejected="chosen")))


def test_votes_in_a_cell_are_read_and_turned(read_bytes: Read) -> None:
    options = Options(Columns(votes="v"))
    content = b'prompt,chosen,rejected,v\nq,a,b,"[1, -1, 2]"\nq,a,b,2\nq,a,b,\n'
    pairs, _ = read_bytes(content, "pairs.csv", options)
    votes = [[vote.score for vote in pair.facts.votes] for pair in pairs]
    assert votes == [[1, -1, 2], [2], []]
    layout = BY_NAME["preference"](options)
    written = [
        layout.write([json.loads(pair.rows[0].raw)], [Change("", "flip")])[0] for pair in pairs
    ]
    assert [row and row["v"] for row in written] == ["[-1,1,-2]", "-2", ""]


@pytest.mark.parametrize(("key", "value"), [("votes", ["chosen"]), ("margin", "much")])
def test_a_named_column_that_is_no_number_is_a_reject(
    read_bytes: Read, key: str, value: object
) -> None:
    options = Options(Columns(**{key: "v"}))
    pairs, rejects = read_bytes(rows(PAIR | {"v": 1}, PAIR | {"v": value}), options=options)
    assert len(pairs) == len(rejects) == 1
    assert rejects[0].reason == "wrong_type"


@pytest.mark.parametrize(
    "more", [{"tools": [{"name": "f"}]}, {"images": ["a.png"]}, {"system": "Be terse."}]
)
def test_what_is_read_can_be_left_out(read_bytes: Read, more: dict[str, Any]) -> None:
    [pair], [] = read_bytes(rows(PAIR | more), options=Options(ignore=frozenset(more)))
    [plain], [] = read_bytes(rows(PAIR))
    assert (pair.chosen, pair.rejected) == (plain.chosen, plain.rejected)


@pytest.mark.parametrize("name", ["image_url", "image_path", "img_path"])
def test_a_path_of_an_image_is_media(read_bytes: Read, name: str) -> None:
    _, [reject] = read_bytes(rows(PAIR, PAIR | {name: "a.png"}))
    assert reject.reason == "media"


@pytest.mark.parametrize("system", ["None", "nan", "null"])
def test_a_null_that_a_table_has_written_is_no_system_message(
    read_bytes: Read, system: str
) -> None:
    [pair], _ = read_bytes(rows(PAIR | {"system": system}))
    assert [message.role for message in pair.chosen.messages] == ["user", "assistant"]


# ---------------------------------------------------------------- prompts


@pytest.mark.parametrize(
    "prompt",
    [
        "USER: Hi ASSISTANT:",
        "A chat between a user and a machine. USER: Hi ASSISTANT:",
        "User: Hi\n\nAssistant:",
        "Human: Hi\nAssistant:",
        "### Instruction:\nSay hi.\n\n### Response:",
        "<|start|>user<|message|>Hi<|end|>",
        "<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜>",
        "<|prompter|>Hi<|endoftext|><|assistant|>",
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Hi",
        "[gMASK]<sop><|user|>\nHi",
        "<extra_id_0>System\n\n<extra_id_1>User\nHi",
        "<|turn>user\nHi",
    ],
)
def test_a_rendered_prompt_is_never_what_somebody_said(read_bytes: Read, prompt: str) -> None:
    _, [reject] = read_bytes(rows(PAIR, PAIR | {"prompt": prompt}))
    assert reject.reason == "rendered"


@pytest.mark.parametrize(
    "prompt", ["Continue this:\nHuman: hi\nAssistant:", "What does ASSISTANT: mean?", "Then say:"]
)
def test_a_prompt_that_speaks_of_turns_is_read(read_bytes: Read, prompt: str) -> None:
    [pair], _ = read_bytes(rows(PAIR | {"prompt": prompt}))
    assert pair.chosen.messages[0].content == prompt


def test_turns_of_another_name_are_no_transcript(read_bytes: Read) -> None:
    text = "User: Hi\n\nAssistant: Hello\n\nUser: Name a bird.\n\nAssistant: "
    _, [reject] = read_bytes(rows(PAIR, {"chosen": text + "Heron", "rejected": text + "Bird"}))
    assert reject.reason == "rendered"


@pytest.mark.parametrize(
    "row",
    [
        {"chosen": ["Hi", "Hello"], "rejected": ["Hi", "Go"]},
        {"prompt": " ", "responses": ["a", "b"], "scores": [1, 2]},
        {
            "instruction": "",
            "completions": [{"response": r, "overall_score": len(r)} for r in "ab"],
        },
        {"prompt": "", "answers": [{"answer": "a", "rank": 1}, {"answer": "b", "rank": 2}]},
        {"context": [], "response1": "a", "response2": "b", "overall_preference": 1},
        {"prompt": " ", "response_0": "a", "response_1": "b", "better_response_id": 1},
        {"history": "", "human_ref_A": "a", "human_ref_B": "b", "labels": 1},
        {"winner": "model_a", "conversation_a": said("x"), "conversation_b": said("y")},
    ],
)
def test_responses_to_no_prompt_make_no_pair(read_bytes: Read, row: dict[str, Any]) -> None:
    pairs, rejects = read_bytes(rows(PAIR, row))
    assert len(pairs) == 1
    assert [reject.reason for reject in rejects] in (["missing_field"], ["tie"])


def test_the_turns_of_a_battle_are_counted_without_its_system_message(read_bytes: Read) -> None:
    def talk(*answers: str) -> list[dict[str, str]]:
        turns = [{"role": "system", "content": "s"}]
        for answer in answers:
            turns += [{"role": "user", "content": "q"}, {"role": "assistant", "content": answer}]
        return turns

    row = {"model_a": "x", "model_b": "y", "winner": "model_a", "turn": 1}
    row |= {"conversation_a": talk("1", "2"), "conversation_b": talk("3", "4")}
    [pair], _ = read_bytes(rows(row))
    assert [message.content for message in pair.chosen.messages] == ["s", "q", "1"]


def test_a_list_called_ranking_is_not_guessed_to_be_ranks(read_bytes: Read) -> None:
    row = {"prompt": "q", "responses": ["a", "b", "c"], "ranking": [2, 0, 1]}
    _, [reject] = read_bytes(rows(PAIR, row))
    assert reject.reason == "wrong_type"


def test_a_row_without_responses_does_not_decide_how_the_others_are_read(read_bytes: Read) -> None:
    rated = [
        {"response": r, "overall_score": len(r), "critique": "Too short."} for r in ("a", "bb")
    ]
    pairs, [reject] = read_bytes(
        rows({"instruction": "q", "completions": []}, {"instruction": "q", "completions": rated})
    )
    assert [pair.rows[0].layout for pair in pairs] == ["ultrafeedback"]
    assert reject.reason == "no_rival"


def test_a_null_beside_grouped_rows_is_one_reject(read_bytes: Read) -> None:
    row = {"prompt": "q", "completion": "a", "label": True}
    content = rows(row, row | {"completion": "b", "label": False}, row | {"completion": None})
    [pair], [reject] = read_bytes(content)
    assert (pair.rows[0].layout, reject.line) == ("kto", 3)


# ---------------------------------------------------------------- files

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(st.lists(texts, min_size=1, max_size=5))
def test_what_numpy_prints_is_read_as_so_many_texts(items: list[str]) -> None:
    assert structure("[" + " ".join(map(repr, items)) + "]") == items
    assert structure("[" + "\n ".join(map(repr, items)) + "]") == items
    assert structure(repr(items)) == items


@pytest.mark.parametrize(
    "text", ["[0 1 ... 7]", "[...]", "[b'x']", "{1: 2}", f"[1{'0' * 400}, 'a']"]
)
def test_what_json_cannot_hold_is_no_structure(text: str) -> None:
    assert structure(text) is None


def test_lists_of_texts_that_numpy_printed_stay_several(read_bytes: Read) -> None:
    file = io.StringIO()
    table = csv.writer(file)
    table.writerow(["prompt", "responses", "scores"])
    table.writerow(["q", "['Red' 'Green']", "[1.  0.5]"])
    [pair], _ = read_bytes(file.getvalue().encode(), "pairs.csv")
    assert (pair.chosen.split()[1], pair.rejected.split()[1]) == ("Red", "Green")
    assert (pair.facts.score_chosen, pair.facts.score_rejected) == (1.0, 0.5)


@pytest.mark.parametrize("depth", [MOST - 2, MOST, 400, 900])
def test_a_row_that_is_nested_too_deeply_is_a_reject(read_bytes: Read, depth: int) -> None:
    deep = json.loads("[" * depth + "]" * depth)
    pairs, rejects = read_bytes(rows(PAIR, PAIR | {"more": deep}))
    assert len(pairs) + len(rejects) == 2
    assert bool(rejects) == (depth >= MOST)
    assert is_deep({"more": deep}, depth + 1) == bool(rejects)


def test_a_date_that_python_cannot_hold_is_one_reject(read: Read, tmp_path: Path) -> None:
    columns = {name: [value] * 2 for name, value in PAIR.items()}
    when = pyarrow.array([10**12, 1], pyarrow.timestamp("s"))
    parquet.write_table(pyarrow.table({**columns, "when": when}), tmp_path / "pairs.parquet")
    pairs, rejects = read(tmp_path / "pairs.parquet")
    assert [pair.line for pair in pairs] == [2]
    assert [(reject.line, reject.reason) for reject in rejects] == [(1, "wrong_type")]


def test_text_in_a_map_of_a_parquet_file_is_named(read: Read, tmp_path: Path) -> None:
    columns = {name: [value] for name, value in PAIR.items()}
    kind = pyarrow.map_(pyarrow.string(), pyarrow.string())
    more = pyarrow.array([[("site", "a.org"), ("system", "Be terse.")]], kind)
    parquet.write_table(pyarrow.table({**columns, "more": more}), tmp_path / "pairs.parquet")
    with pytest.raises(BadInput, match='"more" holds text'):
        read(tmp_path / "pairs.parquet")


def test_a_row_of_a_table_that_lacks_a_cell_is_a_reject(read_bytes: Read) -> None:
    content = b"prompt,chosen,rejected,system\nq,a,b,s\nq,a,b\n"
    pairs, rejects = read_bytes(content, "pairs.csv")
    assert (len(pairs), [reject.line for reject in rejects]) == (1, [3])


def test_a_table_with_carriage_returns_alone_is_refused_as_such(read_bytes: Read) -> None:
    with pytest.raises(BadInput, match="no line feeds"):
        read_bytes(b"prompt,chosen,rejected\rq,a,b\r", "pairs.csv")


# ---------------------------------------------------------------- layouts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"
REMARK = "Zebras never whistle under seven purple lamps at dawn"
# Objects that are no part of a conversation: what annotators and judges say, and records of a tool.
BESIDE = {
    *("individual_preference", "three_most_similar_preferences", "all_preferences_unprocessed"),
    *("annotations", "annotators", "games", "responses", "suggestions", "metadata", "vectors"),
}


def _objects(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all objects in a value."""
    if isinstance(value, dict):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[arg-type]
    for key, item in items:
        if isinstance(item, (dict, list)):
            yield from _objects(item, (*path, key))


def _is_read(path: tuple[Any, ...]) -> bool:
    # `responses` are those of annotators where they are an object, and of models in a list.
    return not any(name in BESIDE for name in path[:-1]) and path[-1] not in BESIDE


@pytest.mark.parametrize(
    "block",
    [
        text.splitlines()
        for text in re.findall(r"^```jsonl\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    ],
    ids=lambda block: block[0][:40],
)
def test_a_text_at_any_depth_of_a_row_is_read_or_named(read_bytes: Read, block: list[str]) -> None:
    for number, line in enumerate(block):
        for path in _objects(json.loads(line)):
            if path and _is_read(path):
                row = json.loads(line)
                place = row
                for key in path:
                    place = place[key]
                place["remark"] = REMARK
                content = [*block[:number], json.dumps(row), *block[number + 1 :]]
                try:
                    pairs, rejects = read_bytes("\n".join(content).encode())
                except BadInput as error:
                    assert '"remark" holds text' in str(error)
                else:
                    said = "".join(pair.chosen.encoded + pair.rejected.encoded for pair in pairs)
                    assert REMARK in said or rejects, path


def test_a_flip_also_turns_the_conversation_that_repeats_the_chosen_one(read_bytes: Read) -> None:
    won, lost = [*ASKED, *said("The heron.")], [*ASKED, *said("Bird.")]
    given = {"trajectory": won, "chosen": won, "rejected": lost}
    [row] = BY_NAME["sharegpt"](Options()).write([given], [Change("", "flip")])
    assert row == {"trajectory": lost, "chosen": lost, "rejected": won}
    [pair], [] = read_bytes(rows(dict(row)))
    assert pair.chosen.messages[-1].content == "Bird."


def test_a_conversation_can_be_left_out(read_bytes: Read) -> None:
    sides = {"chosen": [*ASKED, *said("The heron.")], "rejected": [*ASKED, *said("Bird.")]}
    row = {"conversation": [{"input": "Name a bird.", "output": "Heron."}], **sides}
    [pair], [] = read_bytes(rows(row), options=Options(ignore=frozenset(("conversation",))))
    assert [message.content for message in pair.chosen.messages] == ["Name a bird.", "The heron."]


def test_two_scores_are_compared_before_three_of_a_later_kind(read_bytes: Read) -> None:
    rated = [
        {"response": text, "overall_score": score, "fine-grained_score": fine}
        for text, score, fine in (("a", "N/A", 5), ("b", 9, 3), ("c", 2, 4))
    ]
    [pair], [] = read_bytes(rows({"instruction": "q", "completions": rated}))
    assert (pair.chosen.split()[1], pair.rejected.split()[1]) == ("b", "c")


def test_an_empty_better_response_is_not_replaced_by_the_safer_one(read_bytes: Read) -> None:
    row = {"prompt": "q", "response_0": "a", "response_1": "b", "safer_response_id": 1}
    _, [reject] = read_bytes(rows(row | {"better_response_id": None}))
    assert reject.reason == "no_vote"
    [pair], [] = read_bytes(rows(row))
    assert pair.chosen.split()[1] == "b"


def test_the_last_mark_of_a_helpsteer2_prompt_is_no_text(read_bytes: Read) -> None:
    prompt = "Hi\n<extra_id_1>Assistant\nHello\n<extra_id_1>User\nA bird?\n<extra_id_1>Assistant\n"
    row = {"prompt": prompt, "response_1": "Heron", "response_2": "Bird", "preference_strength": -1}
    [pair], [] = read_bytes(rows(row))
    assert [message.content for message in pair.chosen.messages] == [
        *("Hi", "Hello", "A bird?"),
        "Heron",
    ]


def test_rollouts_with_other_tools_are_not_compared(read_bytes: Read) -> None:
    row = {"prompt": ASKED, "completion": said("a"), "reward": 1}
    tools = [{"name": "f"}], [{"name": "g"}]
    one, other = (row | {"tool_defs": given} for given in tools)
    pairs, rejects = read_bytes(rows(one, other | {"reward": 0}, one | {"reward": 0.5}))
    assert [json.loads(pair.chosen.tools) for pair in pairs] == [tools[0]]
    assert [reject.reason for reject in rejects] == ["no_rival"]


def test_winners_of_flat_battles_may_be_truth_values(read_bytes: Read) -> None:
    winners = {"winner_model_a": False, "winner_model_b": True, "winner_tie": False}
    row = {"prompt": ["q"], "response_a": ["a"], "response_b": ["b"], **winners}
    [pair], [] = read_bytes(rows(row))
    assert pair.chosen.split()[1] == "b"
    layout = BY_NAME["arena-flat"](Options())
    [tied] = layout.write([row], [Change("", "tie")])
    assert tied is not None
    assert [tied[name] for name in winners] == [False, False, True]


def test_large_ids_are_exact(read_bytes: Read) -> None:
    ids = [2**64 - 1, 2**127 + 1, 2**127 + 2, -(2**70)]
    pairs, _ = read_bytes(rows(*(PAIR | {"id": number} for number in ids)))
    assert [pair.source_id for pair in pairs] == [str(number) for number in ids]


def test_rated_messages_are_responses(read_bytes: Read) -> None:
    rated = [
        {"role": "assistant", "content": text, "score": score}
        for text, score in (("a", 1), ("b", 2))
    ]
    [pair], [] = read_bytes(rows({"prompt": "q", "responses": rated}))
    assert (pair.chosen.split()[1], pair.facts.margin) == ("b", 1)
