"""The generative labeler: all questions of an entry in one row, each answered as if alone.

SmolLM2 itself, a few questions; what the packing promises holds for any model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine import taxonomy
from engine.data.conversation import Conversation
from engine.errors import BadInput
from engine.models.logit_labeler import (
    LogitLabeler,
    answer_logits,
    clip_entry,
    pack,
    prompts,
)
from engine.models.protocols import Text
from engine.taxonomy import Feature

FEATURES = tuple(f for f in taxonomy.load() if f.name in ("refusal", "sentiment", "helpful"))
SHORT = "\n\nHuman: Hi.\n\nAssistant: Hello, what can I do for you?"
LONG = (
    "\n\nHuman: My neighbour's dog barks all night. What can I do?\n\nAssistant: Talk first.\n\n"
    "Human: I did, twice, and he only laughed.\n\nAssistant: I can't help you with revenge, but "
    "your council takes noise complaints, and a diary of the nights makes them act."
)


def text(number: int, transcript: str) -> Text:
    return Text(number, Conversation.of_transcript(transcript))


@pytest.fixture(scope="module")
def labeler() -> LogitLabeler:
    return LogitLabeler("embedded:smollm2", None, FEATURES, "cpu", "float32")


def alone(labeler: LogitLabeler, transcript: str, question: int) -> np.ndarray[Any, Any]:
    """The answers' logits from a plain forward pass over the whole prompt of one question."""
    import torch

    prompt = labeler.prompt
    ids = [
        *prompt.head,
        *clip_entry(labeler.tokenizer, transcript),
        *prompt.tail,
        *prompt.questions[question],
    ]
    with torch.inference_mode():
        logits = labeler.model(torch.tensor([ids])).logits[0, -1]
    return logits[prompt.answers[question]].numpy()


def packed(
    labeler: LogitLabeler, transcripts: list[str], asked: list[list[int]]
) -> dict[tuple[int, int], np.ndarray[Any, Any]]:
    import torch

    entries = [clip_entry(labeler.tokenizer, transcript) for transcript in transcripts]
    batch = pack(entries, labeler.prompt, asked, labeler.tokenizer.pad_token_id)
    with torch.inference_mode():
        logits = answer_logits(labeler.model, batch, labeler.prompt)
    return {
        (row, question): logit.numpy()
        for (row, question, _), logit in zip(batch["last"], logits, strict=True)
    }


def test_a_packed_answer_is_that_of_its_prompt_alone(labeler: LogitLabeler) -> None:
    found = packed(labeler, [LONG, SHORT], [[0, 1, 2], [0, 1, 2]])
    for row, transcript in enumerate([LONG, SHORT]):
        for question in range(3):
            expected = alone(labeler, transcript, question)
            np.testing.assert_allclose(found[row, question], expected, atol=1e-4)


def test_an_answer_depends_neither_on_the_batch_nor_on_the_other_questions(
    labeler: LogitLabeler,
) -> None:
    whole = packed(labeler, [SHORT, LONG, SHORT], [[2, 0, 1], [1], [0, 1, 2]])
    for question in range(3):
        np.testing.assert_allclose(whole[0, question], whole[2, question], atol=1e-4)
        one = packed(labeler, [SHORT], [[question]])
        np.testing.assert_allclose(whole[0, question], one[0, question], atol=1e-4)
    np.testing.assert_allclose(whole[1, 1], packed(labeler, [LONG], [[1]])[0, 1], atol=1e-4)


def test_values_are_the_likeliest_answers_and_scores_their_log_odds(labeler: LogitLabeler) -> None:
    labels = labeler.label([text(0, SHORT), text(1, LONG)])
    assert labels.problems == (None, None)
    for row, transcript in enumerate([SHORT, LONG]):
        for column, feature in enumerate(FEATURES):
            logit = alone(labeler, transcript, column)
            assert labels.values[row, column] == feature.values[int(logit.argmax())]
            assert labels.scores[row, column] == pytest.approx(
                logit[-1] - logit[:-1].max(), abs=1e-3
            )


def test_a_long_entry_loses_its_beginning_not_its_response(labeler: LogitLabeler) -> None:
    ids = labeler.tokenizer.encode(LONG.strip(), add_special_tokens=False)
    assert clip_entry(labeler.tokenizer, LONG, limit=10) == ids[-10:]
    assert clip_entry(labeler.tokenizer, LONG, limit=len(ids)) == ids


def test_the_entry_stands_whole_in_the_prompt(labeler: LogitLabeler) -> None:
    prompt = labeler.prompt
    shown = labeler.tokenizer.decode(
        [*prompt.head, *clip_entry(labeler.tokenizer, LONG), *prompt.tail, *prompt.questions[0]]
    )
    assert LONG.strip() in shown
    assert shown.endswith(f"{FEATURES[0].question} Answer:")


def test_answers_that_begin_with_the_same_token_are_refused(labeler: LogitLabeler) -> None:
    class Twins(Feature):
        @property
        def answers(self) -> tuple[str, ...]:
            return ("yes", "yes indeed")

    with pytest.raises(BadInput, match="twins"):
        prompts("smollm2", labeler.tokenizer, [Twins("twins", "?", "bool", "other")])
