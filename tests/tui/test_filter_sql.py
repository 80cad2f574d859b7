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
from engine.wire.messages import PairDetail, PairQuery, RewriteDetail, RewriteQuery

from .fake_study import FEATURES, labels

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
        "amb": row.ambiguity,
        "pair": row.pair_id,
    }[name]


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
    }
    if (name, value) in facts:
        return facts[name, value]
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
        st.sampled_from(["margin", "margin_pre", "margin_change", "theta", "gain", "amb"]),
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


def test_a_random_order_is_the_same_for_a_seed_and_another_for_another(browser: Browser) -> None:
    first, again, other = (
        browser.pair_ids(PairQuery(sort="random", seed=seed)).ids for seed in (1, 1, 2)
    )
    assert first == again != other
    assert sorted(first) == sorted(other)


def test_the_strongest_influence_comes_first(browser: Browser) -> None:
    order = f"influence:{NAMES[0]}"
    assert len(browser.pair_ids(PairQuery(sort=order, descending=True)).ids) == 24
