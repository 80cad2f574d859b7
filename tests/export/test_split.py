"""Rows for trainers preserve the texts of a pair, whatever they contain."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.data import Conversation, Message, Options
from engine.data.pairs import Pair, Row
from engine.data.reviewed import ReviewedPair
from engine.data.rows import RowReader
from engine.data.transcript import ASSISTANT, HUMAN
from engine.export import split
from engine.export.formats import FORMATS
from engine.export.formats.base import PairFormat

from .conftest import pair

# Texts that are easily mistaken for markup.
PIECES = ("a", "b", " ", "\n", "\t", "Human:", "Assistant:", "\n\nHuman:", "\n\nAssistant: x")
WORDS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
TURNS = st.builds(Message, st.sampled_from(["user", "assistant"]), WORDS)
CONTEXT = st.lists(TURNS, max_size=4)
RESPONSE = st.builds(Message, st.just("assistant"), WORDS.filter(lambda text: text.strip()))
EXPLICIT = ("trl", "trl-messages")
IMPLICIT = ("trl-implicit", "trl-implicit-messages")


def rows(form: str, of: ReviewedPair) -> list[dict[str, Any]]:
    """A pair's rows in this format."""
    pair_format = FORMATS[form]
    assert isinstance(pair_format, PairFormat)
    return [dict(row) for row in pair_format.rows(of)]


def transcript(messages: list[Message]) -> str:
    """A transcript of these messages, whatever is in them."""
    marks = {"user": HUMAN, "assistant": ASSISTANT}
    text = "".join(f"{marks[message.role]} {message.content}" for message in messages)
    return Conversation.of_transcript(text).encoded


@st.composite
def sides(draw: st.DrawFn) -> tuple[str, str]:
    """Two canonical conversations with a shared beginning, each ending in a response."""
    shared = draw(CONTEXT)
    texts = []
    for _ in range(2):
        own = draw(st.lists(TURNS, max_size=2)) if draw(st.booleans()) else []
        texts.append(transcript([*shared, *own, draw(RESPONSE)]))
    left, right = texts
    assume(not any(Conversation(text).problem for text in texts))  # others are rejected
    return left, right


def content(of: Conversation) -> list[tuple[str, str]]:
    """A conversation without the white space around its turns, which a study ignores."""
    return [(message.role, message.content.strip()) for message in of.messages]


def read(row: dict[str, Any]) -> Pair:
    [item] = RowReader(Options()).read("rows.jsonl", Row(1, row, b"{}"))
    assert isinstance(item, Pair), item
    return item


def check_read_again(form: str, both: tuple[str, str]) -> None:
    reviewed = pair(*both)
    if FORMATS[form].problem(reviewed.chosen, reviewed.rejected) is not None:
        return  # left out
    [row] = rows(form, reviewed)
    again = read(row)
    assert content(again.chosen) == content(reviewed.chosen)
    assert content(again.rejected) == content(reviewed.rejected)


@given(sides())
def test_prompt_and_completion_concatenated_are_the_transcript(both: tuple[str, str]) -> None:
    prompt, chosen, rejected = split.strings(*map(Conversation, both))
    assert (prompt + chosen, prompt + rejected) == both


@pytest.mark.parametrize("form", [*EXPLICIT, *IMPLICIT])
@given(both=sides())
def test_rows_read_again_give_the_same_conversations(form: str, both: tuple[str, str]) -> None:
    check_read_again(form, both)


@given(sides())
def test_kto_rows_are_the_two_transcripts(both: tuple[str, str]) -> None:
    kto_rows = rows("kto", pair(*both))
    assert [row["prompt"] + row["completion"] for row in kto_rows] == list(both)
    assert [row["label"] for row in kto_rows] == [True, False]


def test_a_prompt_ends_with_the_marker_of_the_response() -> None:
    context = f"{HUMAN} Sky?"
    both = f"{context}{ASSISTANT} Blue.", f"{context}{ASSISTANT} Green."
    parts = split.strings(*map(Conversation, both))
    assert parts == (f"{context}{ASSISTANT}", " Blue.", " Green.")


def test_sides_that_diverge_early_keep_their_own_turns() -> None:
    shared = f"{HUMAN} Hello.{ASSISTANT} Hi."
    left = f"{HUMAN} Sky?{ASSISTANT} Blue."
    right = f"{HUMAN} Sea?{ASSISTANT} Green."
    one, other = Conversation(shared + left), Conversation(shared + right)
    assert split.strings(one, other) == (shared, left, right)
    prompt, chosen, _ = split.messages(one, other)
    assert [message.role for message in prompt] == ["user", "assistant"]
    assert [message.content for message in chosen] == ["Sky?", "Blue."]


@pytest.mark.parametrize("response", ["Human: me", "Assistant: me too"])
def test_a_response_that_looks_like_a_turn_stays_a_response(response: str) -> None:
    text = f"{HUMAN} Who?{ASSISTANT} {response}"
    [row] = rows("trl", pair(text, f"{HUMAN} Who?{ASSISTANT} you"))
    assert read(row).chosen.split()[1] == response


def test_a_conversation_that_repeats_itself_is_not_truncated() -> None:
    twice = f"{HUMAN} Hi{ASSISTANT} Hi" * 2
    once = f"{HUMAN} Hi{ASSISTANT} Hi{HUMAN} c{ASSISTANT} d"
    [row] = rows("trl", pair(f"{twice}{HUMAN} a{ASSISTANT} b", once))
    assert read(row).chosen.transcript == f"{twice}{HUMAN} a{ASSISTANT} b"


@pytest.mark.parametrize("form", EXPLICIT)
def test_a_pair_without_a_shared_question_is_left_out(form: str) -> None:
    """One row with an empty prompt makes TRL's trainers fail for all rows."""
    one, other = f"{HUMAN} Sky?{ASSISTANT} Blue.", f"{HUMAN} Sea?{ASSISTANT} Green."
    of = pair(one, other)
    problem = FORMATS[form].problem(of.chosen, of.rejected)
    assert problem == "without a prompt (left out)"
    for implicit in IMPLICIT:
        assert FORMATS[implicit].problem(of.chosen, of.rejected) is None
