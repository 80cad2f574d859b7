"""Several responses with scores: which pairs they make, and their scores after decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.layouts.base import Change
from engine.data.layouts.nbest import pairs, place, settled
from engine.data.options import NBest
from engine.data.pairs import RowError


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("best-worst", [(0, 1)]),
        ("best-rest", [(0, 2), (0, 3), (0, 1)]),
        ("adjacent", [(0, 2), (3, 1)]),
    ],
)
def test_each_policy_makes_its_pairs_without_those_of_equal_scores(
    policy: NBest, expected: list[tuple[int, int]]
) -> None:
    assert pairs([9, 1, 8, 8], policy) == expected


def test_responses_without_a_score_make_no_pair() -> None:
    assert pairs([None, 3, None, 5], "best-rest") == [(3, 1)]
    with pytest.raises(RowError, match="1 of 2 responses have a score"):
        pairs([None, 3], "best-worst")


def test_equal_scores_are_a_tie() -> None:
    with pytest.raises(RowError) as error:
        pairs([3, 3, 3], "adjacent")
    assert error.value.reason == "tie"


def after(
    scores: list[float], policy: NBest, *decisions: tuple[str, str]
) -> dict[int, float] | None:
    changes = [Change(place, action) for place, action in decisions]  # type: ignore[arg-type]
    new = settled(scores, pairs(scores, policy), changes)
    return None if new is None else {number: scores[taken] for number, taken in new.items()}


def test_without_a_decision_every_candidate_keeps_its_score() -> None:
    assert after([9, 2, 8], "best-rest") == {0: 9, 1: 2, 2: 8}


def test_a_flip_exchanges_the_scores_of_the_only_pair() -> None:
    assert after([9, 2, 8], "best-worst", ("0-1", "flip")) == {0: 2, 1: 9, 2: 8}


def test_a_flip_among_several_pairs_keeps_the_others() -> None:
    assert after([9, 2, 8], "best-rest", ("0-1", "flip")) == {1: 9, 0: 8, 2: 2}


def test_all_flips_of_a_row_hold_together() -> None:
    flips = (("0-1", "flip"), ("0-2", "flip"))
    assert after([9, 2, 8], "best-rest", *flips) == {2: 9, 1: 8, 0: 2}
    assert after([9, 2, 2], "best-rest", *flips) == {1: 9, 2: 9, 0: 2}


def test_a_tie_gives_both_the_same_score() -> None:
    assert after([9, 2, 8], "best-worst", ("0-1", "tie")) == {0: 9, 1: 9, 2: 8}
    assert after([9, 2, 8], "best-rest", ("0-2", "tie")) == {0: 9, 2: 9, 1: 2}


def test_a_dropped_pair_removes_its_lower_candidate_or_the_row() -> None:
    assert after([9, 2, 8], "best-rest", ("0-2", "omit")) == {0: 9, 1: 2}
    assert after([9, 2, 8], "best-worst", ("0-1", "omit")) is None
    # The lower one is needed by the pair that stays.
    assert after([9, 2, 8], "adjacent", ("0-2", "omit")) == {1: 2, 2: 8}


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=7, unique=True),
    st.sampled_from(["best-rest", "adjacent"]),
    st.data(),
)
def test_any_decisions_hold_in_the_new_scores(
    scores: list[float], policy: NBest, data: st.DataObject
) -> None:
    found = pairs(scores, policy)
    actions = {pair: data.draw(st.sampled_from(["keep", "flip", "tie"])) for pair in found}
    new = after(scores, policy, *((place(pair), action) for pair, action in actions.items()))
    assert new is not None
    for (better, worse), action in actions.items():
        if action == "tie":
            assert new[better] == new[worse]
        else:
            assert (new[better] > new[worse]) == (action == "keep")
