"""Word differences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seal_tui.text import diff

WORDS = st.lists(st.sampled_from(["a", "the", "sea", "is", "big,", "\n", "  ", "\tx"])).map("".join)


def joined(runs: tuple[diff.Run, ...]) -> str:
    return "".join(run.text for run in runs)


def changed(runs: tuple[diff.Run, ...]) -> list[str]:
    return [run.text for run in runs if run.changed]


@given(st.one_of(WORDS, st.text()), st.one_of(WORDS, st.text()))
def test_the_runs_give_the_texts_back(left: str, right: str) -> None:
    found = diff.words(left, right)
    assert joined(found.left) == left
    assert joined(found.right) == right


def test_only_the_words_that_differ_are_marked() -> None:
    found = diff.words("I am sorry, I can not help you.", "I am glad, I can not help you.")
    assert changed(found.left) == ["sorry, "]
    assert changed(found.right) == ["glad, "]


def test_equal_texts_have_no_marks() -> None:
    found = diff.words("same words", "same words")
    assert found.related and not changed(found.left) and not changed(found.right)


def test_unrelated_texts_have_no_marks() -> None:
    found = diff.words("one two three four", "five six seven eight")
    assert not found.related
    assert not changed(found.left) and not changed(found.right)


def test_spacing_alone_is_no_difference() -> None:
    found = diff.words("one two\nthree four", "one two three  four")
    assert not changed(found.left) and not changed(found.right)
