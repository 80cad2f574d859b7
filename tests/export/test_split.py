"""Rows for trainers preserve the texts of a pair, whatever they contain."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.dialogue import (
    ASSISTANT,
    HUMAN,
    Turn,
    canonical,
    split_response,
    transcript,
    turns,
)
from engine.data.reviewed import ReviewedPair
from engine.data.rows import read_row
from engine.export import split
from engine.export.formats import FORMATS
from engine.export.formats.base import PairFormat

from .conftest import pair

# Texts that are easily mistaken for markup.
PIECES = ("a", "b", " ", "\n", "\t", "Human:", "Assistant:", "\n\nHuman:", "\n\nAssistant: x")
WORDS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
TURNS = st.tuples(st.sampled_from(["human", "assistant"]), WORDS).map(lambda t: Turn(*t))
CONTEXT = st.lists(TURNS, max_size=4)
RESPONSE = WORDS.filter(lambda text: text.strip()).map(lambda text: Turn("assistant", text))


def rows(form: str, of: ReviewedPair) -> list[dict[str, Any]]:
    """A pair's rows in this format."""
    pair_format = FORMATS[form]
    assert isinstance(pair_format, PairFormat)
    return [dict(row) for row in pair_format.rows(of)]


def conversation(turns: list[Turn]) -> str:
    return canonical(transcript(turns))


@st.composite
def sides(draw: st.DrawFn) -> tuple[str, str]:
    """Two canonical conversations with a shared beginning, each ending in a response."""
    shared = draw(CONTEXT)
    texts = []
    for _ in range(2):
        own = draw(st.lists(TURNS, max_size=2)) if draw(st.booleans()) else []
        texts.append(conversation([*shared, *own, draw(RESPONSE)]))
    left, right = texts
    return left, right


def content(text: str) -> tuple[list[tuple[str, str]], str]:
    """A conversation without the white space around its turns, which a study ignores."""
    dialogue = split_response(text)
    return [(role, turn.strip()) for role, turn in turns(text)[:-1]], dialogue.response


def same(row: dict[str, Any], chosen: str, rejected: str) -> bool:
    fields = read_row(row)
    return content(fields.chosen) == content(chosen) and content(fields.rejected) == content(
        rejected
    )


@given(sides())
def test_prompt_and_completion_concatenated_are_the_transcript(both: tuple[str, str]) -> None:
    prompt, chosen, rejected = split.strings(*both)
    assert (prompt + chosen, prompt + rejected) == both


@given(sides())
def test_string_rows_read_again_give_the_same_conversations(both: tuple[str, str]) -> None:
    [row] = rows("trl", pair(*both))
    assert same(row, *both)


@given(sides())
def test_message_rows_read_again_give_the_same_conversations(both: tuple[str, str]) -> None:
    [row] = rows("trl-messages", pair(*both))
    assert same(row, *both)


@given(sides())
def test_kto_rows_are_the_two_transcripts(both: tuple[str, str]) -> None:
    kto_rows = rows("kto", pair(*both))
    assert [row["prompt"] + row["completion"] for row in kto_rows] == list(both)
    assert [row["label"] for row in kto_rows] == [True, False]


def test_a_prompt_ends_with_the_marker_of_the_response() -> None:
    context = f"{HUMAN} Sky?"
    parts = split.strings(f"{context}{ASSISTANT} Blue.", f"{context}{ASSISTANT} Green.")
    assert parts == (f"{context}{ASSISTANT}", " Blue.", " Green.")


def test_sides_that_diverge_early_keep_their_own_turns() -> None:
    shared = f"{HUMAN} Hello.{ASSISTANT} Hi."
    left = f"{HUMAN} Sky?{ASSISTANT} Blue."
    right = f"{HUMAN} Sea?{ASSISTANT} Green."
    assert split.strings(shared + left, shared + right) == (shared, left, right)
    prompt, chosen, _ = split.messages(shared + left, shared + right)
    assert [message["role"] for message in prompt] == ["user", "assistant"]
    assert [message["content"] for message in chosen] == ["Sky?", "Blue."]


@pytest.mark.parametrize("response", ["Human: me", "Assistant: me too"])
def test_a_response_that_looks_like_a_turn_stays_a_response(response: str) -> None:
    text = f"{HUMAN} Who?{ASSISTANT} {response}"
    [row] = rows("trl", pair(text, f"{HUMAN} Who?{ASSISTANT} you"))
    assert split_response(read_row(row).chosen).response == response


def test_a_conversation_that_repeats_itself_is_not_truncated() -> None:
    twice = f"{HUMAN} Hi{ASSISTANT} Hi" * 2
    once = f"{HUMAN} Hi{ASSISTANT} Hi{HUMAN} c{ASSISTANT} d"
    [row] = rows("trl", pair(f"{twice}{HUMAN} a{ASSISTANT} b", once))
    assert read_row(row).chosen == f"{twice}{HUMAN} a{ASSISTANT} b"
