"""The embedded rewriter itself, and transcripts rewritten turn by turn."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine import strategies
from engine.data.transcript import turns
from engine.models.rewriter import CausalRewriter, TranscriptRewriter
from engine.strategies import Strategy

PASSAGES = ("Put the pan on the fire and stir.", "I can't help with that, but a doctor can.")


@pytest.fixture(scope="module")
def rewriter() -> CausalRewriter:
    return CausalRewriter("embedded:smollm2", "embedded:rewriter-adapter", "cpu", "float32")


def test_every_passage_gets_one_rewrite_the_same_each_time(rewriter: CausalRewriter) -> None:
    first = rewriter.rewrite(PASSAGES, strategies.find("neutral"))
    assert len(first) == len(PASSAGES)
    for before, after in zip(PASSAGES, first, strict=True):
        assert after == after.strip() != ""
        assert "<|im_" not in after, "no token of the template"
        assert len(after) < 4 * len(before)
    assert rewriter.rewrite(PASSAGES, strategies.find("neutral")) == first


def test_a_passage_is_rewritten_alike_whatever_stands_beside_it(rewriter: CausalRewriter) -> None:
    together = rewriter.rewrite(PASSAGES, strategies.find("placebo"))
    assert rewriter.rewrite(PASSAGES[::-1], strategies.find("placebo")) == together[::-1]


class Shouting:
    """Stands in for a model: what it does to a passage is plain to see."""

    def rewrite(self, passages: Sequence[str], strategy: Strategy) -> tuple[str, ...]:
        return tuple(
            "" if p == "mute" else f"{p.upper()}\n\nHuman: {strategy.name}" for p in passages
        )


def rewritten(transcript: str) -> str:
    (written,) = TranscriptRewriter(Shouting()).rewrite([transcript], strategies.find("neutral"))
    return written


def test_a_transcript_is_rewritten_turn_by_turn_and_keeps_its_turns() -> None:
    transcript = "\n\nHuman: one\n\nAssistant: two\n\nHuman: three\n\nAssistant: four"
    found = turns(rewritten(transcript))
    assert [turn.role for turn in found] == [turn.role for turn in turns(transcript)]
    assert [turn.text.split("\n")[0] for turn in found] == ["ONE", "TWO", "THREE", "FOUR"]


def test_an_empty_turn_stays_empty() -> None:
    found = turns(rewritten("\n\nHuman: \n\nAssistant: two"))
    assert [turn.text.split("\n")[0] for turn in found] == ["", "TWO"]


def test_a_transcript_of_which_one_turn_came_to_no_end_is_not_rewritten() -> None:
    assert rewritten("\n\nHuman: mute\n\nAssistant: two") == ""


def test_many_transcripts_keep_their_order() -> None:
    many = [f"\n\nHuman: question {i}\n\nAssistant: answer {i}" for i in range(40)]
    for i, written in enumerate(
        TranscriptRewriter(Shouting()).rewrite(many, strategies.find("neutral"))
    ):
        assert f"ANSWER {i}\n" in written
