"""The reward of every layout is what transformers says of the row's own messages.

The messages are put together here by hand, from the columns of the first row of every example in
docs/data.md, so that the readers are not compared with themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from engine.models.protocols import Text
from engine.models.reward import SequenceClassifierReward
from tests.data.test_documented_layouts import EXAMPLES, Example, read, rows_of
from tests.models.conftest import Folder

Messages = list[dict[str, Any]]
Rows = list[Any]


class Own(NamedTuple):
    """The two conversations of a pair, and its tools."""

    chosen: Messages
    rejected: Messages
    tools: list[Any] | None = None


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def answered(question: str | Messages, chosen: str, rejected: str) -> Own:
    """The same messages with two answers."""
    before = [user(question)] if isinstance(question, str) else question
    return Own([*before, assistant(chosen)], [*before, assistant(rejected)])


def of_hh(transcript: str) -> Messages:
    """One question and one answer."""
    question, answer = transcript.removeprefix("\n\nHuman: ").split("\n\nAssistant: ")
    return [user(question), assistant(answer)]


def of_parts(messages: Messages) -> Messages:
    return [{"role": m["role"], "content": m["content"][0]["text"]} for m in messages]


def between(judged: str, letter: str) -> str:
    start, end = (f"<|The {word} of Assistant {letter}'s Answer|>" for word in ("Start", "End"))
    return judged.split(start)[1].split(end)[0].strip()


def arena_hard(judged: str) -> Own:
    question = judged.split("<|User Prompt|>\n")[1].split("\n\n<|The Start")[0]
    return answered(question, between(judged, "B"), between(judged, "A"))


def arena_flat(row: dict[str, Any]) -> Own:
    prompts, one, other = (json.loads(row[key]) for key in ("prompt", "response_a", "response_b"))
    sides = [
        [turn for q, a in zip(prompts, said, strict=True) for turn in (user(q), assistant(a))]
        for said in (one, other)
    ]
    return Own(*sides)


def nemo(row: dict[str, Any]) -> Own:
    best, *_, worst = sorted(row["completions"], key=lambda c: c["rank"])
    return Own([*row["context"], *best["completion"]], [*row["context"], *worst["completion"]])


OWN: dict[str, Callable[[Rows], Own]] = {
    "sides-1": lambda r: Own(of_hh(r[0]["text"]), of_hh(r[1]["text"])),
    "hh-rlhf-1": lambda r: Own(of_hh(r[0]["chosen"]), of_hh(r[0]["rejected"])),
    "preference-1": lambda r: Own(
        [*r[0]["prompt"], *r[0]["chosen"]], [*r[0]["prompt"], *r[0]["rejected"]], r[0]["tools"]
    ),
    "preference-2": lambda r: answered(
        [system(r[0]["system"]), user(r[0]["question"])], r[0]["chosen"], r[0]["rejected"]
    ),
    "preference-3": lambda r: answered(r[0]["prompt"], r[0]["chosen"], r[0]["rejected"]),
    "alpaca-1": lambda r: answered(
        [system(r[0]["system"]), user(f"{r[0]['instruction']}\n{r[0]['input']}")],
        r[0]["chosen"],
        r[0]["rejected"],
    ),
    "sharegpt-1": lambda r: answered(
        [system(r[0]["conversations"][0]["value"]), user(r[0]["conversations"][1]["value"])],
        r[0]["chosen"]["value"],
        r[0]["rejected"]["value"],
    ),
    "ms-swift-1": lambda r: Own(
        r[0]["messages"], [*r[0]["messages"][:-1], assistant(r[0]["rejected_response"])]
    ),
    "ms-swift-2": lambda r: Own(r[0]["messages"], r[0]["rejected_messages"]),
    "nemo-rl-1": lambda r: nemo(r[0]),
    "kto-1": lambda r: answered(r[0]["prompt"], r[0]["completion"], r[2]["completion"]),
    "kto-2": lambda r: Own(r[0]["messages"], r[1]["messages"]),
    "safe-rlhf-1": lambda r: answered(r[0]["prompt"], r[0]["response_0"], r[0]["response_1"]),
    "shp-1": lambda r: answered(r[0]["history"], r[0]["human_ref_A"], r[0]["human_ref_B"]),
    "helpsteer3-1": lambda r: answered(r[0]["context"], r[0]["response1"], r[0]["response2"]),
    "helpsteer2-1": lambda r: answered(r[0]["prompt"], r[0]["response_2"], r[0]["response_1"]),
    "helpsteer2-ratings-1": lambda r: answered(r[0]["prompt"], r[0]["response"], r[1]["response"]),
    "ultrafeedback-1": lambda r: answered(
        r[0]["instruction"], *(r[0]["completions"][at]["response"] for at in (0, 1))
    ),
    "nectar-1": lambda r: answered(
        "Name a river.", r[0]["answers"][0]["answer"], r[0]["answers"][2]["answer"]
    ),
    "scored-1": lambda r: answered(
        r[0]["prompt"], *(r[0]["responses"][at]["text"] for at in (0, 1))
    ),
    "scored-2": lambda r: answered(r[0]["question"], *r[0]["candidates"][:2]),
    "scored-3": lambda r: answered(r[0]["instruction"], *r[0]["generations"]),
    "rewardbench2-1": lambda r: answered(r[0]["prompt"], r[0]["chosen"][0], r[0]["rejected"][0]),
    "arena-1": lambda r: Own(of_parts(r[0]["conversation_b"]), of_parts(r[0]["conversation_a"])),
    "arena-2": lambda r: Own(r[0]["conversation_a"], r[0]["conversation_b"]),
    "arena-flat-1": lambda r: arena_flat(r[0]),
    "argilla-flat-1": lambda r: answered(r[0]["prompt"], r[0]["response_1"], r[0]["response_2"]),
    "argilla-flat-2": lambda r: answered(
        r[0]["instruction"], r[0]["response_2"], r[0]["response_1"]
    ),
    "argilla-records-1": lambda r: answered(
        *(r[0]["fields"][name] for name in ("prompt", "response_a", "response_b"))
    ),
    "arena-hard-1": lambda r: arena_hard(r[0]["games"][0]["user_prompt"]),
    "arena-hard-2": lambda r: answered("Add 1 to 9.", "9 + 1 = 10", "10"),
    "annotated-pairs-1": lambda r: answered(
        r[0]["prompt"], r[0]["response_a"]["text"], r[0]["response_b"]["text"]
    ),
    "verl-1": lambda r: answered(
        [system("Be brief."), user("What is 6*7?")], r[0]["output"], r[1]["output"]
    ),
    "rollouts-1": lambda r: Own(
        [*r[0]["prompt"], *r[0]["completion"]], [*r[1]["prompt"], *r[1]["completion"]]
    ),
}


@pytest.fixture(scope="module")
def model(folder: Folder) -> SequenceClassifierReward:
    return SequenceClassifierReward(str(folder("llama")), "cpu", "float32")


@pytest.fixture(scope="module")
def alone(folder: Folder) -> Callable[[Messages, list[Any] | None], float]:
    """transformers called on messages and tools."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    place = folder("llama")
    tokens = AutoTokenizer.from_pretrained(place)
    classifier = AutoModelForSequenceClassification.from_pretrained(place, dtype=torch.float32)

    def score(messages: Messages, tools: list[Any] | None) -> float:
        inputs = tokens.apply_chat_template(
            messages, tools=tools, return_dict=True, return_tensors="pt"
        )
        with torch.inference_mode():
            return float(classifier(**inputs).logits[0, 0])

    return score


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_the_reward_of_every_layout_is_that_of_the_rows_own_messages(
    example: Example,
    tmp_path: Path,
    model: SequenceClassifierReward,
    alone: Callable[[Messages, list[Any] | None], float],
) -> None:
    assert str(example) in OWN, "the messages of this example are still to be written down"
    rows = rows_of(example)
    (pair, *_), _ = read(tmp_path, rows, "best-worst")
    own = OWN[str(example)](rows)
    expected = [alone(own.chosen, own.tools), alone(own.rejected, own.tools)]
    assert expected[0] != expected[1]
    found = model.score([Text(0, pair.chosen), Text(1, pair.rejected)])
    assert found.problems == (None, None)
    np.testing.assert_allclose(found.rewards, expected, rtol=1e-5, atol=2e-6)
