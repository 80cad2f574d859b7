"""What a filter selects in the database, against the same filter worked out row by row."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import FilterError
from engine.filters import check, parse
from engine.filters.language import All, Either, Not, Span, Term, Tree, Words, write
from engine.filters.vocabulary import Any as AnyOf
from engine.filters.vocabulary import Checked, Contains, Every, Is, Number, Without
from engine.service import Engine
from engine.store.browse import Browser
from engine.wire.messages import (
    CompleteRequest,
    PairDetail,
    PairQuery,
    PairRow,
    RewriteDetail,
    RewriteQuery,
)

from .fake_study import FEATURES, labels, pairs

HERE = Span(0, 0)
NAMES = [name for name, *_ in FEATURES]


def texts(pair: PairDetail) -> str:
    return "\n".join(turn.text for entry in (pair.chosen, pair.rejected) for turn in entry.turns)


def holds(checked: Checked, pair: PairDetail) -> bool:
    match checked:
        case Contains(text):
            return text.lower() in texts(pair).lower()
        case Number(name, low, high, strict):
            value = number(name, pair)
            if value is None or math.isnan(value):
                return False
            return low < value < high if strict else low <= value <= high
        case Without(inner):
            return not holds(inner, pair)
        case Every(parts):
            return all(holds(part, pair) for part in parts)
        case AnyOf(parts):
            return any(holds(part, pair) for part in parts)
        case Is(name, value):
            return is_so(name, value, pair)


def number(name: str, pair: PairDetail) -> float | None:
    row = pair.row
    return {
        "margin": row.margin_post,
        "margin_pre": row.margin_pre,
        "margin_change": row.margin_post - row.margin_pre,
        "theta": row.theta,
        "gain": row.gain,
        "ambiguity": row.ambiguity,
        "pair": row.pair_id,
        "group": row.group,
        "margin_human": row.margin_human,
        "score_chosen": row.score_chosen,
        "score_rejected": row.score_rejected,
        "score_gap": gap(row),
    }[name]


def gap(row: PairRow) -> float | None:
    if row.score_chosen is None or row.score_rejected is None:
        return None
    return row.score_chosen - row.score_rejected


def voted(row: PairRow) -> str:
    if row.votes is None:
        return "none"
    counts = row.votes.chosen, row.votes.rejected, row.votes.tied
    if sum(counts) == 1:
        return "one"
    return "agree" if max(counts) == sum(counts) else "split"


def is_so(name: str, value: str, pair: PairDetail) -> bool:
    row = pair.row
    if name in NAMES:
        x, y = pair.chosen.labels[name], pair.rejected.labels[name]
        return {
            "c": x > 0,
            "r": y > 0,
            "both": x > 0 and y > 0,
            "none": x <= 0 and y <= 0,
            "any": x > 0 or y > 0,
            "c>r": x > y,
            "r>c": y > x,
            "differs": x != y,
            "same": x == y,
        }[value]
    if name == "disagrees":
        second = [labels(row.pair_id + 1, chosen)[value] for chosen in (True, False)]
        return second != [pair.chosen.labels[value], pair.rejected.labels[value]]
    facts: dict[tuple[str, str], bool] = {
        ("is", "aligned"): row.margin_post > 0,
        ("is", "misaligned"): row.margin_post <= 0,
        ("is", "tie"): row.margin_post == 0,
        ("is", "undecided"): True,
        ("has", "rewrites"): bool(pair.rewrite_ids),
        ("is", "grouped"): row.group is not None,
    }
    if (name, value) in facts:
        return facts[name, value]
    if name == "votes":
        return voted(row) == value
    if name == "annotator":
        return any(vote.annotator == value for vote in pair.source.votes)  # type: ignore[union-attr]
    if name == "model":
        return any(value.lower() in (m or "") for m in (row.model_chosen, row.model_rejected))
    if name == "topic":
        return value.lower() in (row.topic or "").lower()
    return bool(getattr(row, name) == value)


def term(key: str, operator: str, value: str) -> Tree:
    return Term(key, operator, value, HERE, HERE)  # type: ignore[arg-type]


numbers = st.floats(-2, 2).map(lambda value: f"{value:.2f}")
leaves = st.one_of(
    st.sampled_from(["council", "PLEASE", "a", "lay their silver", "50%", "x_y"]).map(
        lambda text: Words(text, HERE)
    ),
    st.builds(
        term,
        st.sampled_from(
            [
                *("margin", "margin_pre", "margin_change", "theta", "gain", "amb"),
                *("margin_human", "score_chosen", "score_rejected", "score_gap"),
            ]
        ),
        st.sampled_from(["<", "<=", ">", ">="]),
        numbers,
    ),
    st.builds(
        lambda name, value: term(name, ":", value),
        st.sampled_from(NAMES),
        st.sampled_from(["c", "r", "both", "none", "any", "c>r", "r>c", "differs", "same"]),
    ),
    st.sampled_from(NAMES).map(lambda name: term("disagrees", ":", name)),
    st.sampled_from(
        [
            term("regime", ":", "resisted"),
            term("regime", "!=", "got"),
            term("opinion", ":", "i"),
            term("is", ":", "aligned"),
            term("is", ":", "tie"),
            term("is", ":", "undecided"),
            term("has", ":", "rewrites"),
            term("topic", ":", "heal"),
            term("pair", ":", "3..9"),
            term("group", ":", "1"),
            term("is", ":", "grouped"),
            *(term("votes", ":", value) for value in ("agree", "split", "one", "none")),
            term("annotator", ":", "cy"),
            term("model", ":", "Birch"),
        ]
    ),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Either(tuple(parts))),
    ),
    max_leaves=6,
)


@pytest.fixture
def browser(real_engine: Engine) -> Browser:
    return real_engine.browser()


@pytest.fixture
def every_pair(browser: Browser) -> list[PairDetail]:
    return [browser.pair(pair_id) for pair_id in browser.pair_ids(PairQuery()).ids]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(trees)
def test_the_database_selects_what_the_filter_means(
    browser: Browser, every_pair: list[PairDetail], tree: Tree
) -> None:
    checked = check(parse(write(tree)), browser.vocabulary())
    selection = browser.pair_ids(PairQuery(filter=write(tree)))
    assert set(selection.ids) == {p.row.pair_id for p in every_pair if holds(checked, p)}


def test_the_displayed_sql_selects_the_same_pairs(browser: Browser) -> None:
    for text in ('regime:resisted "it\'s"', "last_response_is_honest:r>c theta<0", "-has:rewrites"):
        selection = browser.pair_ids(PairQuery(filter=text))
        rows = browser.store.read(selection.sql).fetchall()
        assert tuple(pair_id for (pair_id,) in rows) == selection.ids


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("change:misaligned", lambda rewrite: rewrite.row.change == "misaligned"),
        ("cosine<0.9", lambda rewrite: rewrite.chosen.cosine < 0.9),
        ("strategy:neu pair:0..5", lambda rewrite: rewrite.row.pair_id in (0, 3)),
        ("flipped:last_response_is_eloquent", lambda rewrite: True),
        ("flipped_chosen:last_response_is_honest", lambda rewrite: False),
        ("kindly", lambda rewrite: "Kindly" in rewrite.chosen.rewritten),
        ("margin_shift>0.05", lambda r: r.row.margin_after - r.row.margin_before > 0.05),
    ],
)
def test_rewrites_have_their_own_filter_fields(
    browser: Browser, text: str, matches: Callable[[RewriteDetail], bool]
) -> None:
    every = [browser.rewrite(i) for i in browser.rewrite_ids(RewriteQuery()).ids]
    ids = browser.rewrite_ids(RewriteQuery(filter=text)).ids
    assert set(ids) == {rewrite.row.rewrite_id for rewrite in every if matches(rewrite)}


def test_a_field_of_pairs_is_unknown_for_rewrites(browser: Browser) -> None:
    with pytest.raises(FilterError, match="unknown filter field"):
        browser.rewrite_ids(RewriteQuery(filter="regime:resisted"))


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("margin_human", lambda row: row.margin_human),
        ("score_gap", gap),
        ("group", lambda row: row.group),
        ("votes", lambda row: agreement(row)),
    ],
)
def test_pairs_are_sorted_by_what_the_data_says_those_without_it_last(
    browser: Browser, sort: str, value: Callable[[PairRow], float | None]
) -> None:
    for descending in (False, True):
        ids = browser.pair_ids(PairQuery(sort=sort, descending=descending)).ids
        values = [value(row) for row in browser.pair_rows(ids)]
        known = [one for one in values if one is not None]
        assert known == sorted(known, reverse=descending) and 0 < len(known) < len(values)
        assert values[len(known) :] == [None] * (len(values) - len(known))


def agreement(row: PairRow) -> float | None:
    votes = row.votes
    if votes is None:
        return None
    counts = votes.chosen, votes.rejected, votes.tied
    return max(counts) / sum(counts)


def test_annotators_and_models_in_use_are_completed(browser: Browser) -> None:
    for text, names in (("annotator:", {"ann", "bo", "cy"}), ("model:birch", {"birch-2"})):
        found = browser.complete(CompleteRequest(filter=text, cursor=len(text)))
        assert {one.text.strip() for one in found} == names


def test_a_pair_has_what_its_row_says(browser: Browser) -> None:
    for number, expected in pairs().items():
        found = browser.pair(number)
        assert found.source is not None and expected.source is not None
        assert found.source.votes == expected.source.votes
        assert found.source.group_size == expected.source.group_size
        assert expected.source.extras.items() <= found.source.extras.items()
        assert (found.source.line, found.source.layout) == (number + 1, "preference")
        for name in ("group", "votes", "score_chosen", "model_rejected"):
            assert getattr(found.row, name) == getattr(expected.row, name)


def test_a_random_order_is_the_same_for_a_seed_and_another_for_another(browser: Browser) -> None:
    first, again, other = (
        browser.pair_ids(PairQuery(sort="random", seed=seed)).ids for seed in (1, 1, 2)
    )
    assert first == again != other
    assert sorted(first) == sorted(other)


def test_the_strongest_influence_comes_first(browser: Browser) -> None:
    order = f"influence:{NAMES[0]}"
    assert len(browser.pair_ids(PairQuery(sort=order, descending=True)).ids) == 24
