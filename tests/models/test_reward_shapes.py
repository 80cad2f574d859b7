"""Reward models of all common shapes: a stored reward is the model's own value for one text alone,
without padding, whatever texts are beside it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data.conversation import Conversation, Message
from engine.data.messages import json_text, read_messages
from engine.errors import BadInput
from engine.models.protocols import Text
from engine.models.reward import SequenceClassifierReward
from engine.models.reward_config import Reading
from engine.models.reward_inputs import Encoded
from engine.wire.messages import Role
from tests.models.conftest import Folder
from tests.models.reward_models import SHAPES, WORDS

Alone = Callable[[Text], float]


ROLES: tuple[Role, ...] = ("user", "assistant")


def texts(count: int, seed: int = 3, roles: tuple[Role, ...] = ROLES) -> list[Text]:
    """Conversations of very different lengths, whose turns alternate."""
    rng = random.Random(seed)

    def say() -> str:
        return " ".join(rng.choices(WORDS, k=rng.choice((1, 3, 9, 40))))

    def conversation() -> Conversation:
        turns = [Message(role, say()) for _ in range(rng.randint(1, 2)) for role in roles]
        return Conversation.of(turns)

    return [Text(number, conversation()) for number in range(count)]


def called(folder: Path, output: int = 0, dtype: Any = None) -> Alone:
    """transformers called on the messages, or on the pair, of one text."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=dtype or torch.float32
    ).eval()
    model.config.pad_token_id = None  # one text has no padding: the last token counts

    def alone(text: Text) -> float:
        if tokens.chat_template:
            inputs = tokens.apply_chat_template(
                [{"role": m.role, "content": m.content} for m in text.conversation.messages],
                return_dict=True,
                return_tensors="pt",
            )
        else:
            inputs = tokens(
                text.context.strip(), f"Assistant: {text.response}", return_tensors="pt"
            )
        with torch.inference_mode():
            return float(model(**inputs).logits[0, output])

    return alone


@pytest.mark.parametrize("name", SHAPES)
def test_a_reward_is_the_models_own_value_for_one_text_alone(name: str, folder: Folder) -> None:
    output = 1 if name == "two outputs" else None
    model = SequenceClassifierReward(
        str(folder(name)), "cpu", "float32", Reading(output=output), budget=400
    )
    alone = called(folder(name), output or 0)
    entries = texts(24)
    expected = [alone(text) for text in entries]
    assert np.ptp(expected) > 0.1, "a random model tells texts apart"
    rng = random.Random(5)
    for _ in range(3):  # any texts beside it, in any order
        order = rng.sample(range(len(entries)), k=rng.randint(2, len(entries)))
        found = model.score([entries[i] for i in order])
        assert found.problems == (None,) * len(order)
        np.testing.assert_allclose(
            found.rewards, [expected[i] for i in order], rtol=1e-5, atol=2e-6
        )


# ---------------------------------------------------------------- what a template is given


SYSTEM = Message("system", "be short and kind")
QUESTION = Message("user", "why is the sky blue")
ANSWER = Message("assistant", "light and water")
TOOLS = '[{"type": "function", "function": {"name": "rain", "parameters": {}}}]'
CALL = '[{"type": "function", "function": {"name": "rain", "arguments": {"x": 1}}}]'


def entry(*messages: Message, tools: str = "") -> Text:
    return Text(0, Conversation.of(messages, tools))


def rendered(model: SequenceClassifierReward, text: Text) -> str:
    encoded = model.encoder.encode(text)
    assert isinstance(encoded, Encoded), encoded
    return str(model.tokenizer.decode(encoded.inputs["input_ids"]))


def load(folder: Path, **reading: Any) -> SequenceClassifierReward:
    return SequenceClassifierReward(str(folder), "cpu", "float32", Reading(**reading))


def test_the_reward_is_that_of_the_rows_own_messages_and_tools(
    folder: Folder,
) -> None:
    """Roles, thinking, tool calls and their answers, spaces at the ends: as transformers has it."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    row: list[dict[str, Any]] = [
        {"role": "system", "content": " be kind \n"},
        {"role": "user", "content": "is it rain"},
        {"role": "assistant", "content": "", "tool_calls": json.loads(CALL)},
        {"role": "tool", "name": "rain", "tool_call_id": "c1", "content": "yes"},
        {"role": "assistant", "reasoning_content": "rain is water", "content": "yes  "},
    ]
    tools = json.loads(TOOLS)
    place = folder("llama")
    tokens = AutoTokenizer.from_pretrained(place)
    model = AutoModelForSequenceClassification.from_pretrained(place, dtype=torch.float32)
    inputs = tokens.apply_chat_template(row, tools=tools, return_dict=True, return_tensors="pt")
    with torch.inference_mode():
        expected = float(model(**inputs).logits[0, 0])
    text = Text(0, Conversation.of(read_messages(row, "messages"), json_text(tools)))
    (found,) = load(place).score([text]).rewards
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_first_token_stands_once(folder: Folder) -> None:
    """The template writes it, and so would the tokenizer."""
    shown = rendered(load(folder("llama")), entry(QUESTION, ANSWER))
    assert shown.count("<s>") == 1
    assert shown.startswith("<s>")
    assert shown.endswith("</s>")


def test_a_reward_does_not_depend_on_the_day(folder: Folder, tmp_path: Path) -> None:
    dated = "{{ strftime_now('%d %b %Y') }} {% for m in messages %}{{ m.content }} {% endfor %}"
    model = load(with_template(folder("llama"), tmp_path / "model", dated))
    text = model.encoder.encode(entry(QUESTION, ANSWER))
    assert isinstance(text, Encoded)
    assert text.inputs["input_ids"] == model.tokenizer.encode(
        "26 Jul 2024 why is the sky blue light and water", add_special_tokens=False
    )


def test_a_system_message_is_no_question(folder: Folder) -> None:
    shown = rendered(load(folder("llama")), entry(SYSTEM, QUESTION, ANSWER))
    assert shown.startswith("<s> system : be short and kind </s>")


REFUSED: dict[str, tuple[tuple[Message, ...], str]] = {
    "system": ((SYSTEM, QUESTION, ANSWER), "refuses a system message (fold_system = true"),
    "two turns": (
        (QUESTION, QUESTION, ANSWER),
        "two turns of one role in a row (merge_turns = true",
    ),
    "both": ((SYSTEM, QUESTION, QUESTION, ANSWER), "fold_system = true puts it into the first"),
    "tool": ((QUESTION, ANSWER, Message("tool", "yes"), ANSWER), "refuses tool messages"),
    "opening": ((ANSWER, QUESTION, ANSWER), "that the user does not begin"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_a_template_refuses_is_set_aside_with_one_reason_and_the_others_are_scored(
    kind: str, folder: Folder
) -> None:
    messages, reason = REFUSED[kind]
    model = load(folder("mistral"))
    good = entry(QUESTION, ANSWER)
    found = model.score([good, entry(*messages), good])
    assert found.problems[0] is found.problems[2] is None
    assert found.rewards[0] == pytest.approx(found.rewards[2], rel=1e-5)
    problem = found.problems[1]
    assert problem is not None
    assert reason in problem
    assert "\n" not in problem
    assert "No system!" not in problem and "Order!" not in problem, "not the template's own words"


@pytest.mark.parametrize("kind", ["system", "two turns", "both"])
def test_a_study_may_fold_and_merge_what_a_template_refuses(kind: str, folder: Folder) -> None:
    messages, _ = REFUSED[kind]
    model = load(folder("mistral"), fold_system=True, merge_turns=True)
    question = "why is the sky blue"
    said = {
        "system": f"be short and kind {question}",
        "two turns": f"{question} {question}",
        "both": f"be short and kind {question} {question}",
    }
    assert rendered(model, entry(*messages)) == (
        f"<s> user : {said[kind]} </s> assistant : light and water </s>"
    )


def test_choices_for_a_template_are_refused_where_there_is_none(
    folder: Folder,
) -> None:
    with pytest.raises(BadInput, match="has no chat template, so merge_turns has no effect"):
        load(folder("gpt2"), merge_turns=True)


def with_template(folder: Path, place: Path, template: str) -> Path:
    shutil.copytree(folder, place)
    (place / "chat_template.jinja").write_text(template)
    return place


def test_a_template_that_leaves_a_message_out_does_not_go_unnoticed(
    folder: Folder, tmp_path: Path
) -> None:
    silent = (
        "{% for m in messages if m.role in ('user', 'assistant') %}{{ m.role }}: {{ m.content }} "
        "{% endfor %}"
    )
    model = load(with_template(folder("llama"), tmp_path / "model", silent))
    call = Message("assistant", tool_calls=CALL)
    found = model.score(
        [entry(QUESTION, ANSWER), entry(SYSTEM, QUESTION, ANSWER), entry(QUESTION, call)]
    )
    assert found.problems[0] is None
    assert "leaves out system messages (fold_system = true" in str(found.problems[1])
    assert "leaves out tool calls" in str(found.problems[2])


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{% for %}", "is no valid template"),
        ("{{ messages.nothing.at_all }}", "cannot render a question and its answer"),
    ],
)
def test_a_broken_template_is_refused_by_name(
    template: str, why: str, folder: Folder, tmp_path: Path
) -> None:
    place = with_template(folder("llama"), tmp_path / "model", template)
    with pytest.raises(BadInput, match=why) as caught:
        load(place)
    assert str(place) in str(caught.value)


# ---------------------------------------------------------------- length


def test_the_limit_is_the_models_own_unless_the_study_says_otherwise(
    folder: Folder,
) -> None:
    assert load(folder("llama")).limit == 512
    assert load(folder("roberta")).limit == 129, "positions begin after the padding"
    assert load(folder("deberta")).limit == 4_096, "its positions are relative"
    assert load(folder("llama"), max_tokens=64).limit == 64
    assert load(folder("llama"), max_tokens=9_000).limit == 9_000, "its positions are rotary"
    with pytest.raises(BadInput, match=r"max_tokens = 9000 is more than the 512 positions"):
        load(folder("gpt2"), max_tokens=9_000)


def test_a_chat_model_that_is_cut_keeps_system_question_and_the_end(
    folder: Folder,
) -> None:
    middle = [
        Message(role, f"{word} " * 16) for word in ("tree", "stone", "fire") for role in ROLES
    ]
    first = [Message("user", "sea and fire"), Message("assistant", "yes")]
    text = entry(SYSTEM, *first, *middle, QUESTION, ANSWER)
    model = load(folder("llama"), max_tokens=120)
    found = model.score([text])
    assert found.problems == (None,)
    assert found.truncated.tolist() == [True]
    assert found.tokens[0] > 120
    assert rendered(model, text) == rendered(
        load(folder("llama")), entry(SYSTEM, *first, *middle[2:], QUESTION, ANSWER)
    ), "the oldest of the middle exchanges went"
    assert not load(folder("llama")).score([text]).truncated.any()


def test_a_conversation_whose_frame_alone_is_too_long_is_set_aside(
    folder: Folder,
) -> None:
    calls = json.dumps([{"name": "rain", "arguments": {"x": "tree " * 200}}])
    long = entry(QUESTION, Message("assistant", "yes", tool_calls=calls))
    found = load(folder("llama"), max_tokens=64).score([long])
    assert found.problems == ("no part of the conversation fits into the 64 tokens of the model",)
