"""Which rewrites are refused, and with which reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models import guard
from engine.models.guard import refusal_reason

BEFORE = "Take 2 pills at 8.30 and do not drive."


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (BEFORE, "", guard.EMPTY),
        (BEFORE, " \n\t", guard.EMPTY),
        (BEFORE, BEFORE, guard.IDENTICAL),
        (BEFORE, "Take  2 pills at 8.30\nand do not drive. ", guard.IDENTICAL),
        ("It’s fine.", "It's fine.", guard.IDENTICAL),
        (BEFORE, "Swallow 3 pills at 8.30 and do not drive.", guard.NUMBERS),
        (BEFORE, "Swallow 2 pills at 8:30 and do not drive.", guard.NUMBERS),
        (BEFORE, "Swallow 2 pills, 2, at 8.30 and do not drive.", guard.NUMBERS),
        (BEFORE, "Swallow pills and do not drive.", guard.NUMBERS),
        (BEFORE, "Swallow 2 pills at 8.30 and then drive.", guard.NEGATIONS),
        ("You can go home.", "You can’t go home.", guard.NEGATIONS),
        ("You cannot go home now.", "Go home now.", guard.NEGATIONS),
        ("a b c d e f g h i j k l", "short here", guard.CUT_SHORT),
        ("a b c", "a b c d e f g h i j k", guard.CUT_SHORT),
        (BEFORE, "At 8.30 swallow 2 pills, and don't drive.", None),
        ("I can't and won't.", "I will do neither of these.", None),
        ("Cannot do it.", "I can't do it.", None),
    ],
)
def test_a_rewrite_is_refused_for_its_reason(before: str, after: str, reason: str | None) -> None:
    assert refusal_reason(before, after) == reason


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_answer_is_always_a_known_reason_or_none(before: str, after: str) -> None:
    assert refusal_reason(before, after) in (None, *guard.REASONS)


@given(st.text(max_size=60))
def test_a_text_is_never_accepted_as_its_own_rewrite(text: str) -> None:
    assert refusal_reason(text, text) in (guard.EMPTY, guard.IDENTICAL)
