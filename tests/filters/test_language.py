"""The filter language: what it means, what it refuses and where, what it offers to complete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import FilterError
from engine.filters import Vocabulary, check, complete, parse
from engine.filters.language import All, Either, Not, Saved, Span, Term, Tree, Words, write
from engine.filters.vocabulary import Any, Contains, Every, Is, Number, Without

FEATURES = ("harmless", "eloquent", "sentiment")
VOCABULARY = Vocabulary.of_pairs(FEATURES, {"hard": "amb>0.5 regime:resisted", "loop": "@loop"})
HERE = Span(0, 0)
INFINITE = float("inf")


def meaning(text: str) -> object:
    return check(parse(text), VOCABULARY)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", Every(())),
        ("regime:resisted", Is("regime", "resisted")),
        ("regime:res", Is("regime", "resisted")),
        ("REGIME:Resisted", Is("regime", "resisted")),
        ("opinion:chosen", Is("opinion", "c")),
        ("eloquent:r>c", Is("eloquent", "r>c")),
        ("eloquent:c<r", Is("eloquent", "r>c")),
        ("margin<0.5", Number("margin", -INFINITE, 0.5, strict=True)),
        ("margin >= 0.5", Number("margin", 0.5, INFINITE)),
        ("margin<\u22120.5", Number("margin", -INFINITE, -0.5, strict=True)),
        ("margin:-0.5..0.5", Number("margin", -0.5, 0.5)),
        ("theta:10..", Number("theta", 10, INFINITE)),
        ("pair:12", Number("pair", 12, 12)),
        ("pair!=12", Without(Number("pair", 12, 12))),
        ("doctor", Contains("doctor")),
        ('"see a ""doctor"""', Contains('see a "doctor"')),
        ("-is:tie", Without(Is("is", "tie"))),
        ("not is:tie", Without(Is("is", "tie"))),
        ("well-known", Contains("well-known")),
        ("a b", Every((Contains("a"), Contains("b")))),
        ("a and b", Every((Contains("a"), Contains("b")))),
        ("a or b c", Any((Contains("a"), Every((Contains("b"), Contains("c")))))),
        ("(a or b) c", Every((Any((Contains("a"), Contains("b"))), Contains("c")))),
        ("disagrees:elo", Is("disagrees", "eloquent")),
        ('topic:"hate speech"', Is("topic", "hate speech")),
        (
            "@hard",
            Every((Number("amb", 0.5, INFINITE, strict=True), Is("regime", "resisted"))),
        ),
    ],
)
def test_what_one_would_guess_is_understood(text: str, meant: object) -> None:
    assert meaning(text) == meant


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("eloqent:c", "did you mean eloquent?", "eloqent"),
        ("a regime:foo", "there are stayed, got, resisted, reversed", "foo"),
        ("regime:res eloquent:maybe", "eloquent knows no “maybe”", "maybe"),
        ("regime:re", "regime knows no “re”", "re"),
        ("margin<low", "wants a number such as 0.5", "low"),
        ("margin:2..1", "the lower end comes first", "2..1"),
        ("regime>3", "is not a number: write regime:stayed", "regime>3"),
        ("margin<nan", "wants a number", "nan"),
        ("https://a.b", 'words to search for go in "…"', "https"),
        ("a (b", "not closed", "("),
        ('a "b', "not closed", '"b'),
        ("a ) b", "closes nothing", ")"),
        ("a or", "on both sides", ""),
        ("()", "nothing between", "()"),
        ("not", "needs something after it", ""),
        ("eloquent:", "needs a value", "eloquent:"),
        ("@nobody", "no saved filter nobody", "@nobody"),
        ("@", "needs the name", "@"),
        ("x @loop", "leads back to itself", "@loop"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(text: str, words: str, place: str) -> None:
    with pytest.raises(FilterError) as caught:
        meaning(text)
    assert words in str(caught.value)
    assert text[caught.value.start : caught.value.end] == place


names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
values = st.text(min_size=1, max_size=12)
operators = st.sampled_from([":", "<", "<=", ">", ">=", "=", "!="])
leaves: st.SearchStrategy[Tree] = st.one_of(
    st.builds(lambda text: Words(text, HERE), values),
    st.builds(
        lambda key, operator, value: Term(key, operator, value, HERE, HERE),
        names,
        operators,
        values,
    ),
    st.builds(lambda name: Saved(name, HERE), names),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda parts: All(tuple(parts)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda parts: Either(tuple(parts)), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


@given(trees)
def test_a_written_filter_reads_as_the_same(tree: Tree) -> None:
    assert parse(write(tree)) == tree


pieces = st.sampled_from([*'ab:<>=!@-()" .é', "or", " not ", "regime:", "margin"])


@given(st.one_of(st.text(), st.lists(pieces, max_size=12).map("".join)))
def test_any_text_is_a_filter_or_an_error_at_a_place_in_it(text: str) -> None:
    try:
        meaning(text)
    except FilterError as error:
        assert 0 <= error.start <= error.end <= len(text)
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("reg", "regime:"),
        ("a -elo", "eloquent:"),
        ("(marg", "margin<"),
        ("regime:", "stayed "),
        ("regime:resi", "resisted "),
        ("eloquent:r>", "r>c "),
        ("disagrees:h", "harmless "),
        ("@h", "@hard "),
        ("topic:ha", '"hate speech" '),
    ],
)
def test_the_likeliest_completion_comes_first(typed: str, first: str) -> None:
    found = complete(typed, len(typed), VOCABULARY, {"topic": ["law", "hate speech"]})
    assert found[0].text == first
    assert typed.endswith(typed[found[0].start : found[0].end])


def test_nothing_is_completed_inside_a_quoted_text() -> None:
    assert complete('"reg', 4, VOCABULARY, {}) == []


def test_every_offered_completion_of_a_choice_is_understood() -> None:
    for key in VOCABULARY.fields.values():
        if key.kind in ("choice", "label", "feature"):
            typed = f"{key.name}:"
            for found in complete(typed, len(typed), VOCABULARY, {}):
                assert meaning(typed[: found.start] + found.text)
