"""What a pair becomes for a trainer: nothing of its texts is lost, whatever they hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.dialogue import ASSISTANT, HUMAN, Turn, canonical, split_response, transcript
from engine.data.rows import read_row
from engine.export import split
from engine.export.decided import Decided
from engine.export.formats import FORMATS
from engine.export.formats.base import PairFormat

from .conftest import pair

# Texts that are good at being mistaken for something else.
PIECES = ("a", "b", " ", "\n", "\t", "Human:", "Assistant:", "\n\nHuman:", "\n\nAssistant: x")
WORDS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
TURNS = st.tuples(st.sampled_from(["human", "assistant"]), WORDS).map(lambda t: Turn(*t))
CONTEXT = st.lists(TURNS, max_size=4)
RESPONSE = WORDS.filter(lambda text: text.strip()).map(lambda text: Turn("assistant", text))


def rows(form: str, of: Decided) -> list[dict[str, Any]]:
    """A pair's rows in a form of one row or more a pair."""
    made = FORMATS[form]
    assert isinstance(made, PairFormat)
    return [dict(row) for row in made.rows(of)]


def conversation(turns: list[Turn]) -> str:
    return canonical(transcript(turns))


@st.composite
def sides(draw: st.DrawFn) -> tuple[str, str]:
    """Two conversations that share a beginning, as stored: canonical, ending in a response."""
    shared = draw(CONTEXT)
    texts = []
    for _ in range(2):
        own = draw(st.lists(TURNS, max_size=2)) if draw(st.booleans()) else []
        texts.append(conversation([*shared, *own, draw(RESPONSE)]))
    left, right = texts
    return left, right


def judged(text: str) -> tuple[list[tuple[str, str]], str]:
    """What a study sees of a conversation: blank space around a turn's text is not looked at."""
    dialogue = split_response(text)
    return [(role, said.strip()) for role, said in dialogue.turns[:-1]], dialogue.response


def same(row: dict[str, Any], chosen: str, rejected: str) -> bool:
    found = read_row(row)
    return judged(found.chosen) == judged(chosen) and judged(found.rejected) == judged(rejected)


@given(sides())
def test_prompt_and_completion_are_the_transcript_to_the_character(both: tuple[str, str]) -> None:
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
    found = rows("kto", pair(*both))
    assert [row["prompt"] + row["completion"] for row in found] == list(both)
    assert [row["label"] for row in found] == [True, False]


def test_a_prompt_ends_where_the_assistant_is_to_speak() -> None:
    context = f"{HUMAN} Sky?"
    found = split.strings(f"{context}{ASSISTANT} Blue.", f"{context}{ASSISTANT} Green.")
    assert found == (f"{context}{ASSISTANT}", " Blue.", " Green.")


def test_sides_that_part_early_keep_their_own_turns() -> None:
    shared = f"{HUMAN} Hello.{ASSISTANT} Hi."
    left = f"{HUMAN} Sky?{ASSISTANT} Blue."
    right = f"{HUMAN} Sea?{ASSISTANT} Green."
    assert split.strings(shared + left, shared + right) == (shared, left, right)
    prompt, chosen, _ = split.messages(shared + left, shared + right)
    assert [message["role"] for message in prompt] == ["user", "assistant"]
    assert [message["content"] for message in chosen] == ["Sky?", "Blue."]


@pytest.mark.parametrize("says", ["Human: me", "Assistant: me too"])
def test_a_response_that_begins_like_a_turn_stays_a_response(says: str) -> None:
    text = f"{HUMAN} Who?{ASSISTANT} {says}"
    [row] = rows("trl", pair(text, f"{HUMAN} Who?{ASSISTANT} you"))
    assert split_response(read_row(row).chosen).response == says


def test_a_conversation_that_repeats_itself_is_not_cut() -> None:
    twice = f"{HUMAN} Hi{ASSISTANT} Hi" * 2
    once = f"{HUMAN} Hi{ASSISTANT} Hi{HUMAN} c{ASSISTANT} d"
    [row] = rows("trl", pair(f"{twice}{HUMAN} a{ASSISTANT} b", once))
    assert read_row(row).chosen == f"{twice}{HUMAN} a{ASSISTANT} b"
