"""The seeded sample and the digest of a list of pairs."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data import Conversation, Message, Pair, digest, seeded_sample

SAMPLE_7 = [203, 232, 430, 770, 930]


def said(text: str) -> Conversation:
    return Conversation.of([Message("assistant", text)])


PAIRS = [Pair(str(number), number + 1, said(f"c{number}"), said("r"), None) for number in range(3)]


def test_the_sample_is_the_same_everywhere() -> None:
    # Fixed values, so that a change of Python or of the method fails the test.
    assert seeded_sample(1000, 5, 7) == SAMPLE_7
    assert seeded_sample(1000, 5, 8) != SAMPLE_7


@given(n=st.integers(0, 60), limit=st.integers(0, 80), seed=st.integers())
def test_a_sample_is_sorted_unique_and_of_the_right_size(n: int, limit: int, seed: int) -> None:
    chosen = seeded_sample(n, limit, seed)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == (min(n, limit) if limit else n)
    assert all(0 <= index < n for index in chosen)
    assert set(chosen) <= set(seeded_sample(n, max(limit, 1) + 1, seed)) or not limit


def test_every_index_is_about_equally_likely() -> None:
    counts = [0] * 20
    for seed in range(1000):
        for index in seeded_sample(20, 5, seed):
            counts[index] += 1
    assert all(190 < count < 310 for count in counts)


def test_negative_numbers_are_refused() -> None:
    for n, limit in ((-1, 0), (5, -1)):
        with pytest.raises(ValueError, match="negative"):
            seeded_sample(n, limit, 0)


def test_the_digest_depends_on_order_and_every_text() -> None:
    base = digest(PAIRS)
    assert base == digest(iter(PAIRS))
    first = PAIRS[0]
    changed = [
        replace(first, source_id="x"),
        replace(first, chosen=said("x")),
        replace(first, rejected=said("x")),
        replace(first, topic="x"),
        replace(first, topic=""),
        replace(first, chosen=Conversation("c"), rejected=Conversation("0r")),
    ]
    others = [digest([pair, *PAIRS[1:]]) for pair in changed]
    others += [digest(PAIRS[::-1]), digest(PAIRS[:2]), digest([])]
    assert len({base, *others}) == len(others) + 1
    assert digest([replace(first, line=99), *PAIRS[1:]]) == base
