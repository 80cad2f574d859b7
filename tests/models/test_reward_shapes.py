"""Reward models of all common shapes: a stored reward is the model's own value for one text alone,
without padding, whatever texts are beside it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data.conversation import Conversation, Message
from engine.models.protocols import Text
from engine.models.reward import SequenceClassifierReward
from engine.models.reward_config import Reading
from tests.models.reward_models import SHAPES, WORDS

Alone = Callable[[Text], float]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a shape's model, built once."""
    root = tmp_path_factory.mktemp("shapes")

    def find(name: str) -> Path:
        place = root / name.replace(" ", "-").replace(",", "")
        return place if place.exists() else SHAPES[name].build(place)

    return find


def texts(count: int, seed: int = 3, roles: tuple[str, ...] = ("user", "assistant")) -> list[Text]:
    """Conversations of very different lengths, whose turns alternate."""
    rng = random.Random(seed)

    def say() -> str:
        return " ".join(rng.choices(WORDS, k=rng.choice((1, 3, 9, 40))))

    return [
        Text(
            n,
            Conversation.of(
                Message(role, say()) for _ in range(rng.randint(1, 2)) for role in roles
            ),
        )
        for n in range(count)
    ]


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
def test_a_reward_is_the_models_own_value_for_one_text_alone(
    name: str, folder: Callable[[str], Path]
) -> None:
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
