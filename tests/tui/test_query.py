"""The filter bar's language."""

from __future__ import annotations

import pytest

from engine.messages import PairQuery, RewriteQuery
from seal_tui.query import FilterError, parse_pairs, parse_rewrites, term

FEATURES = (
    "last_response_is_harmless",
    "last_response_is_eloquent",
    "last_response_is_coherent",
    "assistant_is_coherent",
    "human_vocabulary_quality",
)


def pairs(text: str) -> PairQuery:
    return parse_pairs(text, FEATURES, PairQuery(sort="theta", descending=True))


def test_terms_and_words_become_a_query_in_the_order_that_is_on() -> None:
    assert pairs("regime:resisted opinion:c feature:eloquent the doctor") == PairQuery(
        regime="resisted",
        opinion="c",
        feature="last_response_is_eloquent",
        text="the doctor",
        sort="theta",
        descending=True,
    )


def test_nothing_typed_restricts_nothing() -> None:
    assert pairs("  ") == PairQuery(sort="theta", descending=True)


@pytest.mark.parametrize("typed", ["chosen", "c", "ch"])
def test_opinions_may_be_words(typed: str) -> None:
    assert pairs(f"opinion:{typed}").opinion == "c"


@pytest.mark.parametrize(
    "typed", ["human_vocabulary_quality", "human", '"human vocabulary quality"', "vocab"]
)
def test_a_feature_may_be_named_by_its_label_or_a_part_of_it(typed: str) -> None:
    assert pairs(f"feature:{typed}").feature == "human_vocabulary_quality"


def test_a_feature_may_be_asked_for_on_one_side() -> None:
    found = pairs("feature:eloquent@rejected")
    assert (found.feature, found.feature_side) == ("last_response_is_eloquent", "rejected")


def test_the_exact_label_wins_over_a_part() -> None:
    assert pairs("feature:coherent").feature == "last_response_is_coherent"


def test_quoted_words_may_hold_a_colon() -> None:
    assert pairs('"note: http://x" me').text == "note: http://x me"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("regime:foo", "stayed, got, resisted, reversed"),
        ("regime:re", "stayed, got"),
        ("colour:red", "no filter"),
        ("feature:nosuch", "no feature"),
        ("feature:h", "could be"),
        ("feature:eloquent@top", "chosen, rejected"),
        ("regime:got regime:got", "twice"),
        ('"open', "not closed"),
        ("http://x", "put words in"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_mend(typed: str, said: str) -> None:
    with pytest.raises(FilterError, match=said):
        pairs(typed)


def rewrites(text: str) -> RewriteQuery:
    return parse_rewrites(text, FEATURES, ("neutral", "more-positive"), RewriteQuery())


def test_rewrites_are_chosen_by_their_own_terms() -> None:
    assert rewrites("strategy:more change:mis pair:12") == RewriteQuery(
        strategy="more-positive", change="misaligned", pair_id=12
    )


@pytest.mark.parametrize("typed", ["words", "pair:x", "regime:got", "strategy:none"])
def test_terms_of_pairs_are_refused_for_rewrites(typed: str) -> None:
    with pytest.raises(FilterError):
        rewrites(typed)


def test_a_term_written_by_the_program_reads_back() -> None:
    assert rewrites(term("pair", "7")).pair_id == 7
    assert pairs(term("feature", "human vocabulary quality")).feature == FEATURES[4]
