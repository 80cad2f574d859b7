"""Chat messages as rows have them."""

import json

import pytest

from engine.data import Message
from engine.data.messages import json_text, read_messages
from engine.data.pairs import RowError, Unused

TOOL = {"type": "function", "function": {"name": "lamp"}}


def test_names_of_roles_and_fields_in_use_are_read() -> None:
    assert read_messages(
        [
            {"role": "system", "content": "Answer in one word."},
            {"role": "developer", "content": "No jokes."},
            {"role": "user", "content": "A bird?"},
            {"role": "Assistant", "content": "Heron."},
            {"from": "human", "value": "Another?"},
            {"from": "gpt", "value": "Egret."},
            {"role": "prompter", "text": "More."},
            {"role": "bot", "content": [{"type": "text", "text": "Bit"}, {"text": "tern."}, "!"]},
        ],
        "chosen",
    ) == (
        Message("system", "Answer in one word."),
        Message("developer", "No jokes."),
        Message("user", "A bird?"),
        Message("assistant", "Heron."),
        Message("user", "Another?"),
        Message("assistant", "Egret."),
        Message("user", "More."),
        Message("assistant", "Bittern.!"),
    )


def test_thinking_calls_and_answers_of_tools_are_kept() -> None:
    call = {"function": {"name": "lamp", "arguments": {"on": True}}}
    asked, answered = read_messages(
        [
            {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "ok"},
            {"role": "tool", "content": "lit", "name": "lamp", "tool_call_id": "c1"},
        ],
        "chosen",
    )
    assert asked == Message("assistant", thinking="ok", tool_calls=json.dumps([call]))
    assert answered == Message("tool", "lit", name="lamp", call_id="c1")
    share_gpt = [
        {"from": "function_call", "value": '{"name": "lamp", "arguments": {}}'},
        {"from": "observation", "value": "lit"},
    ]
    called, seen = read_messages(share_gpt, "conversations")
    assert called == Message("assistant", tool_calls='[{"name": "lamp", "arguments": {}}]')
    assert seen == Message("tool", "lit")


def test_of_merged_structs_the_first_filled_field_counts() -> None:
    empty = {"from": None, "value": None, "tool_calls": None, "name": None}
    assert read_messages(
        [
            {"role": "user", "content": "a", **empty},
            {"role": None, "content": None, "from": "gpt", "value": "b"},
            {"role": "user", "content": "", "value": "c"},
            {"role": "assistant", "content": None, "tool_calls": [{"name": "f", "id": None}]},
        ],
        "chosen",
    ) == (
        Message("user", "a"),
        Message("assistant", "b"),
        Message("user", "c"),
        Message("assistant", tool_calls='[{"name": "f"}]'),
    )


@pytest.mark.parametrize(
    ("message", "reason", "detail"),
    [
        ("hello", "wrong_type", "chosen, message 1: expected an object, got text"),
        ({"role": "critic", "content": "x"}, "unknown_role", "unknown role: 'critic'"),
        ({"content": "x"}, "unknown_role", "unknown role: 'None'"),
        ({"role": ["user"], "content": "x"}, "unknown_role", "unknown role"),
        ({"role": "user", "content": 5}, "wrong_type", "no text"),
        ({"role": "user", "content": [{"type": "refusal"}]}, "wrong_type", "not text"),
        ({"role": "user", "content": [{"type": "image"}]}, "media", "an image"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, "media", "image"),
        ({"role": "user", "content": "x", "images": ["a.png"]}, "media", "an image"),
        ({"role": "user", "content": [{"input_audio": {"data": "…"}}]}, "media", "audio"),
    ],
)
def test_messages_of_another_shape_are_refused(message: object, reason: str, detail: str) -> None:
    with pytest.raises(RowError, match=detail) as caught:
        read_messages([message], "chosen")
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"reasoning": "Yes.", "thinking": "No."}, "reasoning"),
        ({"value": "Something else."}, "value"),
        ({"context": "A page."}, "context"),
        ({"comment": "This is a remark of the annotator, and long."}, "comment"),
    ],
)
def test_a_text_beside_the_content_is_not_dropped_silently(
    more: dict[str, str], field: str
) -> None:
    message = {"role": "assistant", "content": "Yes.", **more}
    with pytest.raises(Unused) as caught:
        read_messages([message], "chosen")
    assert caught.value.columns == (field,)
    assert read_messages([message], "chosen", ignore=[field])[0].content == "Yes."


@pytest.mark.parametrize("value", [[TOOL], TOOL, json.dumps([TOOL]), [{**TOOL, "strict": None}]])
def test_tools_are_a_list_or_the_text_of_one(value: object) -> None:
    assert json_text(value) == json.dumps([TOOL])


@pytest.mark.parametrize("value", [None, "", " ", [], "[]", "null"])
def test_no_tools_are_none(value: object) -> None:
    assert json_text(value) == ""


@pytest.mark.parametrize("value", ["lamp", "5", 5, [5]])
def test_other_tools_are_refused(value: object) -> None:
    with pytest.raises(RowError, match="tools is"):
        json_text(value)
