"""What is cut from a conversation that is too long for a chat model, by a limit of characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.data.conversation import Message
from engine.models.chat_length import Messages, exchanges, fit

SYSTEM = Message("system", "s" * 10)


def exchange(letter: str, length: int = 10) -> Messages:
    return Message("user", letter * length), Message("assistant", letter.upper() * length)


def size(messages: Messages) -> int:
    return sum(len(m.content) + len(m.thinking) + 1 for m in messages)


def cut(messages: Messages, limit: int) -> Messages | None:
    return fit(messages, lambda kept: size(kept) <= limit)


def test_exchanges_between_the_first_and_the_last_go_first_the_oldest_before_others() -> None:
    a, b, c, d = map(exchange, "abcd")
    whole = (SYSTEM, *a, *b, *c, *d)
    assert cut(whole, size(whole)) == whole
    assert cut(whole, size(whole) - 1) == (SYSTEM, *a, *c, *d)
    assert cut(whole, size((SYSTEM, *a, *d))) == (SYSTEM, *a, *d)


def test_then_the_longest_texts_are_shortened_to_one_length() -> None:
    """The response loses its end, all others their beginning."""
    question = Message("user", "0123456789" * 3)
    answer = Message("assistant", "abcdefghij" * 2)
    found = cut((SYSTEM, question, answer), 10 + 15 + 15 + 3)
    assert found == (
        SYSTEM,
        Message("user", question.content[-15:]),
        Message("assistant", answer.content[:15]),
    )


def test_a_short_question_stays_whole_beside_a_long_response() -> None:
    question, answer = Message("user", "why?"), Message("assistant", "because " * 50)
    found = cut((SYSTEM, question, answer), 100)
    assert found is not None
    assert found[:2] == (SYSTEM, question)
    assert answer.content.startswith(found[2].content)
    assert size(found) == 100


def test_thinking_counts_and_loses_its_beginning() -> None:
    answer = Message("assistant", "yes", thinking="first, second, last")
    assert cut((Message("user", "why?"), answer), 14) == (
        Message("user", "why?"),
        Message("assistant", "yes", thinking=" last"),
    )


def test_answers_of_tools_go_with_the_exchange_they_belong_to() -> None:
    asked = (Message("user", "q"), Message("assistant", tool_calls="[1]"), Message("tool", "ok"))
    assert exchanges((*exchange("a"), *asked, *exchange("c"))) == [
        exchange("a"),
        asked,
        exchange("c"),
    ]


def test_an_opening_of_the_assistant_belongs_to_the_first_exchange() -> None:
    opening = Message("assistant", "hello")
    assert exchanges((opening, *exchange("a"))) == [(opening, *exchange("a"))]


def test_nothing_fits_where_the_frame_alone_is_too_long() -> None:
    assert cut(exchange("a"), 1) is None


@given(st.lists(st.integers(0, 30), min_size=2, max_size=12), st.integers(0, 200))
def test_what_is_cut_fits_and_keeps_the_order_and_the_alternation(
    lengths: list[int], limit: int
) -> None:
    letters = "abcdefghijkl"
    whole = tuple(
        message
        for letter, length in zip(letters, lengths, strict=False)
        for message in exchange(letter, length)
    )
    found = cut(whole, limit)
    if found is None:
        assert size(tuple(Message(m.role) for m in whole[:2])) > limit or limit < 4
        return
    assert size(found) <= limit
    assert [m.role for m in found] == [("user", "assistant")[i % 2] for i in range(len(found))]
    assert found[0].content in whole[0].content
    assert whole[-1].content.startswith(found[-1].content)
