"""Splitting transcripts into turns, and joining turns into transcripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.transcript import Turn, canonical, has_marker, join, problem, turns

TWO_TURNS = "\n\nHuman: Where do herons nest?\n\nAssistant: High in trees near water."
FOUR_TURNS = TWO_TURNS + "\n\nHuman: Alone?\n\nAssistant: No, in colonies."

speakers = st.sampled_from(["human", "assistant"])
# Texts that look like markers, which random text would hardly ever contain.
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(
        st.sampled_from(["\n", "\n\n", "Human:", "Assistant:", " ", "\r\n", "a", "\x00", "é"]),
        max_size=12,
    ).map("".join),
)
dialogues = st.lists(
    st.builds(Turn, speakers, texts.filter(lambda text: not has_marker(text))), max_size=6
).map(tuple)


def test_markers_separate_turns_and_texts_keep_their_white_space() -> None:
    assert turns(FOUR_TURNS) == (
        Turn("human", "Where do herons nest?"),
        Turn("assistant", "High in trees near water."),
        Turn("human", "Alone?"),
        Turn("assistant", "No, in colonies."),
    )
    assert turns("\n\nHuman:  a \n\n\nAssistant: b") == (
        Turn("human", " a \n"),
        Turn("assistant", "b"),
    )


def test_marker_words_inside_a_reply_are_text() -> None:
    text = "\n\nHuman: A play?\n\nAssistant: Yes.\nHuman: Hello.\nAssistant: Hi. Assistant: end"
    assert [turn.role for turn in turns(text)] == ["human", "assistant"]
    assert turns(text)[-1].text.endswith("Assistant: end")


def test_repeated_speakers_and_odd_numbers_of_turns_are_valid() -> None:
    text = "\n\nHuman: One.\n\nHuman: Two.\n\nAssistant: Three."
    assert [turn.role for turn in turns(text)] == ["human", "human", "assistant"]
    assert problem(text) is None
    assert problem("\n\nAssistant: I speak first.") is None


def test_text_before_the_first_marker_is_a_human_turn() -> None:
    assert turns("Be brief.\n\nAssistant: Yes.") == (
        Turn("human", "Be brief."),
        Turn("assistant", "Yes."),
    )
    assert turns("") == ()
    assert turns("\n \n\nAssistant: Yes.") == (Turn("assistant", "Yes."),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_assistant_turn"),
        ("Nothing but text with Assistant: in it", "no_assistant_turn"),
        ("\n\nHuman: Anyone?", "no_assistant_turn"),
        (TWO_TURNS + "\n\nHuman: Thanks.", "last_turn_not_assistant"),
        (TWO_TURNS + "\n\nAssistant:", "empty_response"),
        ("\n\nHuman: Hm?\n\nAssistant: \n", "empty_response"),
        (TWO_TURNS, None),
    ],
)
def test_every_problem_has_its_reason(text: str, reason: str | None) -> None:
    assert problem(text) == reason


@given(dialogues)
def test_turns_survive_the_round_trip(of: tuple[Turn, ...]) -> None:
    assert turns(join(of)) == of


@given(st.one_of(texts, dialogues.map(join)))
def test_canonical_is_idempotent(text: str) -> None:
    once = canonical(text)
    assert canonical(once) == once
    assert join(turns(once)) == once


@pytest.mark.parametrize(
    "loose",
    [
        "Human: Hm?\n\nAssistant: Yes.",
        "\nHuman: Hm?\n\nAssistant:Yes.",
        "\r\n\r\nHuman: Hm?\r\n\r\nAssistant: Yes.",
        "Hm?\n\nAssistant: Yes.",
    ],
)
def test_loose_markers_are_normalised(loose: str) -> None:
    assert canonical(loose) == "\n\nHuman: Hm?\n\nAssistant: Yes."
