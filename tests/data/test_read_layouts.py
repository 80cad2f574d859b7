"""Row layouts: transcripts, TRL strings and messages, and all forms of a prompt."""

import json
from collections.abc import Callable

import pytest

from engine.data import Pair, Reject

Read = Callable[..., tuple[list[Pair], list[Reject]]]

QUESTION = "\n\nHuman: A wader?"
CHOSEN = QUESTION + "\n\nAssistant: A heron."
REJECTED = QUESTION + "\n\nAssistant: A shark."


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def reply(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


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
    ],
)
def test_every_layout_gives_the_same_transcripts(
    read_bytes: Read, prompt: object, chosen: object, rejected: object
) -> None:
    row = {"prompt": prompt, "chosen": chosen, "rejected": rejected, "score_chosen": 7.0}
    pairs, rejects = read_bytes(json.dumps(row).encode())
    assert not rejects
    assert (pairs[0].chosen, pairs[0].rejected) == (CHOSEN, REJECTED)


@pytest.mark.parametrize("name", ["prompt", "question", "input", "instruction"])
def test_the_prompt_field_has_several_names(read_bytes: Read, name: str) -> None:
    row = {name: "A wader?", "chosen": "A heron.", "rejected": "A shark."}
    pairs, _ = read_bytes(json.dumps(row).encode())
    assert pairs[0].chosen == CHOSEN


def test_earlier_turns_of_a_prompt_are_kept(read_bytes: Read) -> None:
    prompt = [user("Hello."), reply("Hello!"), user("A wader?")]
    row = {"prompt": prompt, "chosen": [reply("A heron.")], "rejected": [reply("A shark.")]}
    pairs, _ = read_bytes(json.dumps(row).encode())
    assert pairs[0].chosen == "\n\nHuman: Hello.\n\nAssistant: Hello!" + CHOSEN


def test_markers_inside_messages_and_plain_prompts_do_not_start_turns(read_bytes: Read) -> None:
    row = {
        "prompt": "Continue: a\n\nAssistant: b",
        "chosen": [reply("c\n\nHuman: d")],
        "rejected": [reply("e")],
    }
    pairs, _ = read_bytes(json.dumps(row).encode())
    assert pairs[0].chosen == ("\n\nHuman: Continue: a\nAssistant: b\n\nAssistant: c\nHuman: d")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"chosen": [user("Hm?")]}, "no_assistant_turn"),
        ({"chosen": []}, "no_assistant_turn"),
        ({"chosen": [reply("a"), user("b")]}, "last_turn_not_assistant"),
        ({"chosen": [user("a"), reply(" ")]}, "empty_response"),
        ({"prompt": "a", "chosen": ""}, "empty_response"),
        ({"chosen": [{"role": "tool", "content": "x"}]}, "wrong_type"),
    ],
)
def test_messages_without_a_response_are_rejected(
    read_bytes: Read, fields: dict[str, object], reason: str
) -> None:
    good = {"chosen": CHOSEN, "rejected": REJECTED}
    content = "\n".join(json.dumps(row) for row in (good, good | fields))
    pairs, rejects = read_bytes(content.encode())
    assert len(pairs) == 1
    assert [reject.reason for reject in rejects] == [reason]
