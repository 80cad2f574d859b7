"""Groups of pairs: prompts that are equal or nearly equal, and what the source puts together."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from engine.data import Conversation, Message, Pair
from engine.data.groups import Groups
from engine.data.near import signatures

WORDS = [f"word{n}" for n in range(400)]


def text(dice: random.Random, words: int) -> list[str]:
    return dice.choices(WORDS, k=words)


def pair(*prompt: str, group: str | None = None) -> Pair:
    """A pair with these messages of user and assistant in turn before its responses."""
    roles = ("user", "assistant")
    before = [Message(roles[at % 2], said) for at, said in enumerate(prompt)]  # type: ignore[arg-type]
    sides = [Conversation.of([*before, Message("assistant", said)]) for said in ("yes", "no")]
    return Pair(" ".join(prompt)[:9], 1, *sides, group=group)


def grouped(pairs: list[Pair], grouping: str = "near", named: bool = False) -> list[int | None]:
    groups = Groups(grouping, named)  # type: ignore[arg-type]
    for one in pairs:
        groups.add(one)
    return groups.numbers()


def partition(pairs: list[Pair], order: list[int]) -> set[frozenset[int]]:
    """The groups that are found in this order of the pairs, as sets of their places."""
    numbers = grouped([pairs[at] for at in order])
    found: dict[int, set[int]] = {}
    for at, number in zip(order, numbers, strict=True):
        if number is not None:
            found.setdefault(number, set()).add(at)
    return {frozenset(group) for group in found.values()}


def planted(dice: random.Random) -> tuple[list[Pair], set[frozenset[int]]]:
    """Prompts of which every fourth has two near duplicates, and the groups that they form."""
    pairs: list[Pair] = []
    groups = set()
    for number in range(120):
        words = text(dice, dice.randint(200, 400))
        pairs.append(pair(" ".join(words)))
        if number % 4:
            continue
        changed = list(words)
        changed[dice.randrange(len(words))] = "otherwise"
        pairs.append(pair(" ".join(changed)))
        pairs.append(pair(", ".join(words).capitalize() + "."))
        groups.add(frozenset(range(len(pairs) - 3, len(pairs))))
    return pairs, groups


@pytest.mark.parametrize("seed", range(3))
def test_planted_near_duplicates_are_found_and_nothing_else_whatever_the_order(seed: int) -> None:
    dice = random.Random(seed)
    pairs, groups = planted(dice)
    order = list(range(len(pairs)))
    for _ in range(3):
        assert partition(pairs, order) == groups
        dice.shuffle(order)


def test_many_copies_that_differ_a_little_are_one_group() -> None:
    dice = random.Random(5)
    words = text(dice, 300)
    pairs = []
    for number in range(80):
        words[number] = f"other{number}"
        pairs.append(pair(" ".join(words)))
    assert grouped(pairs[:1] * 2) == [0, 0]
    assert Counter(grouped(pairs)) == {0: 80}, "each is near the next, if not the last"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("What is the capital of Chad?",), ("What is the capital of Chile?",)),
        (("Add 17 and 4.",), ("Add 17 and 5.",)),
        (("a " * 300 + "rules", "Agreed.", "yes"), ("a " * 300 + "rules", "Agreed.", "no")),
        (("",), ("x",)),
        (("",), ("?",)),
    ],
)
def test_short_prompts_that_differ_in_a_word_are_not_joined(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    expected = [0, 0] if other == ("?",) else [None, None]
    assert grouped([pair(*one), pair(*other)]) == expected


def test_a_long_document_does_not_join_two_questions_about_it() -> None:
    document = " ".join(text(random.Random(1), 900))
    about = [
        pair(document, "I have read it.", q) for q in ("Who wrote it?", "When was it printed?")
    ]
    assert grouped(about) == [None, None]


def test_a_conversation_that_went_on_is_another_prompt() -> None:
    words = text(random.Random(2), 500)
    first = pair(" ".join(words))
    longer = pair(" ".join(words), "Go on.", "And then?")
    assert grouped([first, longer]) == [None, None]


def test_exact_groups_differ_in_white_space_only() -> None:
    pairs = [pair("a  question\n"), pair("a question"), pair("A question"), pair("another")]
    assert grouped(pairs, "exact") == [0, 0, None, None]
    assert grouped(pairs, "near") == [0, 0, 0, None]
    assert grouped(pairs, "none") == [None] * 4


@pytest.mark.parametrize("grouping", ["exact", "near"])
def test_what_the_source_puts_together_joins_the_groups_of_its_prompts(grouping: str) -> None:
    pairs = [pair("a"), pair("b"), pair("a", group="row 2"), pair("b", group="row 2"), pair("c")]
    assert grouped(pairs, grouping) == [0, 0, 0, 0, None]
    assert grouped(pairs, "none") == [None, None, 0, 0, None]


def test_a_column_that_the_study_names_is_taken_as_it_is() -> None:
    pairs = [pair("a", group="x"), pair("a", group="y"), pair("b", group="x"), pair("c"), pair("c")]
    assert grouped(pairs, "exact", named=True) == [0, None, 0, 1, 1]


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_signatures_estimate_the_share_of_common_triples(share: float) -> None:
    dice = random.Random(3)
    shares = []
    for _ in range(60):
        words = [f"w{n}" for n in dice.sample(range(10_000), 400)]
        changed = list(words)
        kept = round(400 * 2 * share / (1 + share))
        changed[kept:] = [f"v{n}" for n in dice.sample(range(10_000), 400 - kept)]
        one, other = signatures([" ".join(words), " ".join(changed)])
        shares.append(np.mean(one == other))
    assert np.mean(shares) == pytest.approx(share, abs=0.02)


def test_any_text_can_be_compared() -> None:
    odd = ["", " ", "\x00", "一个没有空格的问题", "\ud800", "🐈" * 50, "a b"]
    assert signatures(odd).shape == (len(odd), 64)
