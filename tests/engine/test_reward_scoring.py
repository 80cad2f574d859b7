"""Reward models: what is cut from a text that is too long, and that batches change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data.conversation import Conversation, Message
from engine.errors import SealError
from engine.models.classifier import Source
from engine.models.protocols import Text
from engine.models.reward import SequenceClassifierReward
from engine.models.reward_inputs import Encoded, PairEncoder, padding, token_batches
from tests.engine.studies import sample_rows


@pytest.fixture(scope="module")
def model() -> SequenceClassifierReward:
    return SequenceClassifierReward("embedded:reward-pre", "cpu", "float32")


def texts() -> list[Text]:
    return [
        Text(number, Conversation.of_transcript(row["chosen"]))
        for number, row in enumerate(sample_rows(8))
    ]


def exchange(question: str, answer: str) -> Text:
    return Text(0, Conversation.of((Message("user", question), Message("assistant", answer))))


def encode(model: SequenceClassifierReward, text: Text, limit: int) -> Encoded:
    encoded = PairEncoder(model.tokenizer, limit).encode(text)
    assert isinstance(encoded, Encoded)
    return encoded


WORDS = st.lists(st.sampled_from(["oak", "elm", "ash", "fir", "yew"]), max_size=40).map(" ".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(context=WORDS, response=WORDS, limit=st.integers(5, 60))
def test_what_does_not_fit_loses_the_beginning_of_the_context_first(
    model: SequenceClassifierReward, context: str, response: str, limit: int
) -> None:
    text = exchange(context, response)
    whole, total, cut = encode(model, text, 10_000)
    assert not cut
    assert total == len(whole["input_ids"])
    found, same_total, cut = encode(model, text, limit)
    assert same_total == total
    assert len(found["input_ids"]) == min(total, limit), "no more, no less"
    assert cut == (total > limit), "a cut is marked"
    assert {len(row) for row in found.values()} == {min(total, limit)}

    def part(encoded: dict[str, list[int]], segment: int) -> list[int]:
        special = set(model.tokenizer.all_special_ids)
        return [
            token
            for token, kind in zip(encoded["input_ids"], encoded["token_type_ids"], strict=True)
            if kind == segment and token not in special
        ]

    before, after = part(whole, 0), part(found, 0)
    assert after == before[len(before) - len(after) :], "the context's end stays"
    said, kept = part(whole, 1), part(found, 1)
    assert kept == said[: len(kept)], "the response's beginning stays"
    if after:
        assert kept == said, "the response is cut only when no context is left"
    special = [t for t in whole["input_ids"] if t in model.tokenizer.all_special_ids]
    assert [t for t in found["input_ids"] if t in model.tokenizer.all_special_ids] == special


def test_the_response_is_introduced_as_the_assistants(model: SequenceClassifierReward) -> None:
    encoded = encode(model, exchange("hi", "hello"), 100)
    shown = model.tokenizer.decode(encoded.inputs["input_ids"])
    assert shown == "[CLS] human : hi [SEP] assistant : hello [SEP]"


def test_scoring_in_a_batch_is_scoring_alone(model: SequenceClassifierReward) -> None:
    together = model.score(texts())
    for i, text in enumerate(texts()):
        one = model.score([text])
        assert together.rewards[i] == pytest.approx(one.rewards[0], abs=1e-5)
        assert together.tokens[i] == one.tokens[0]
    assert together.problems == (None,) * 8
    assert not together.truncated.any()
    assert len(set(together.rewards)) == 8, "texts differ, so do rewards"


def test_the_order_and_the_token_budget_change_no_reward(model: SequenceClassifierReward) -> None:
    forward = model.score(texts()).rewards
    small = SequenceClassifierReward("embedded:reward-pre", "cpu", "float32", budget=256)
    np.testing.assert_allclose(small.score(texts()[::-1]).rewards[::-1], forward, atol=1e-5)


def test_a_text_that_was_cut_is_marked_with_its_true_length(
    model: SequenceClassifierReward,
) -> None:
    long = exchange("word " * 900, "yes")
    rewards = model.score([long, texts()[0]])
    assert rewards.truncated.tolist() == [True, False]
    assert rewards.tokens[0] > 900
    assert np.isfinite(rewards.rewards).all()
    assert rewards.rewards[0] == pytest.approx(
        model.score([exchange("lead " + "word " * 800, "yes")]).rewards[0], abs=1e-5
    ), "what was cut has no say"


@given(st.lists(st.integers(1, 90), max_size=50), st.integers(1, 400))
def test_token_batches_take_every_row_once_within_the_budget(
    lengths: list[int], budget: int
) -> None:
    batches = list(token_batches(lengths, budget))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) * max(lengths[i] for i in batch) <= budget or len(batch) == 1


@given(st.lists(st.lists(st.integers(0, 8), min_size=1), min_size=1), st.integers(0, 8))
def test_the_padding_is_never_the_last_token_of_a_text(rows: list[list[int]], usual: int) -> None:
    token = padding(rows, usual, 100)
    assert all(token not in row for row in rows)
    assert token == usual or any(usual in row for row in rows)


def refusal(model: str) -> str:
    with pytest.raises(SealError) as caught:
        SequenceClassifierReward(model, "cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_without_a_model_is_refused_by_name(tmp_path: Any) -> None:
    assert str(tmp_path) in refusal(str(tmp_path))


def test_an_unknown_embedded_name_lists_those_there_are() -> None:
    assert "embedded:reward-pre" in refusal("embedded:reward")


def test_pickled_weights_are_not_read_unless_allowed(
    model: SequenceClassifierReward, tmp_path: Any
) -> None:
    import torch

    model.model.config.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    torch.save(model.model.state_dict(), tmp_path / "pytorch_model.bin")
    assert "safetensors" in refusal(str(tmp_path))
    allowed = SequenceClassifierReward(Source(str(tmp_path), pickle=True), "cpu")
    assert allowed.score(texts()[:1]).rewards[0] == pytest.approx(
        model.score(texts()[:1]).rewards[0], abs=1e-6
    )


def test_damaged_weights_are_refused_by_name(
    model: SequenceClassifierReward, tmp_path: Any
) -> None:
    model.model.config.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    assert str(tmp_path) in refusal(str(tmp_path))


def test_a_classifier_of_two_outputs_is_no_reward_model(
    model: SequenceClassifierReward, tmp_path: Any
) -> None:
    from transformers import BertConfig, BertForSequenceClassification

    small = BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, num_labels=2
    )
    BertForSequenceClassification(small).save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    assert "2 outputs" in refusal(str(tmp_path))
