"""The filter language: meaning, errors and their positions, completion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import FilterError
from engine.filters import Vocabulary, check, complete, hint, parse
from engine.filters.language import All, Either, Not, Saved, Span, Term, Tree, Words, write
from engine.filters.vocabulary import Any, Contains, Every, Is, Number, Without

FEATURES = ("harmless", "eloquent", "sentiment")
VOCABULARY = Vocabulary.of_pairs(FEATURES, {"hard": "amb>0.5 regime:resisted", "loop": "@loop"})
HERE = Span(0, 0)
INFINITE = float("inf")


def meaning(text: str) -> object:
    return check(parse(text), VOCABULARY)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("", Every(())),
        ("regime:resisted", Is("regime", "resisted")),
        ("regime:res", Is("regime", "resisted")),
        ("regime:res,reversed", Any((Is("regime", "resisted"), Is("regime", "reversed")))),
        ("regime:res,resisted", Is("regime", "resisted")),
        ("is!=tie,noise", Without(Any((Is("is", "tie"), Is("is", "noise"))))),
        ("labeler:chosen", Is("opinion", "c")),
        ("post<0.5", Number("margin", -INFINITE, 0.5, strict=True)),
        ("mark:keep", Is("verdict", "keep")),
        ("topic:a,b", Is("topic", "a,b")),
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
            Every((Number("ambiguity", 0.5, INFINITE, strict=True), Is("regime", "resisted"))),
        ),
    ],
)
def test_a_filter_has_the_obvious_meaning(text: str, condition: object) -> None:
    assert meaning(text) == condition


@pytest.mark.parametrize(
    ("text", "message", "span"),
    [
        ("eloqent:c", "did you mean eloquent?", "eloqent"),
        ("a regime:foo", "valid: stayed, got, resisted, reversed", "foo"),
        ("regime:res eloquent:maybe", "“maybe” is not a value of eloquent", "maybe"),
        ("regime:re", "“re” is not a value of regime", "re"),
        ("regime:got,", "“” is not a value of regime", "got,"),
        ("margin<low", "needs a number (0.5)", "low"),
        ("margin:2..1", "put the lower bound first", "2..1"),
        ("regime>3", "is not a number: write regime:stayed", "regime>3"),
        ("margin<nan", "needs a number", "nan"),
        ("https://a.b", "quote text to search for", "https"),
        ("a (b", "not closed", "("),
        ('a "b', "not closed", '"b'),
        ("a ) b", "unmatched “)”", ")"),
        ("a or", "on both sides", ""),
        ("()", "parentheses are empty", "()"),
        ("not", "needs a condition after it", ""),
        ("a - b", "no space is allowed after “-”", "-"),
        ("eloquent:", "needs a value", "eloquent:"),
        ("@nobody", "unknown saved filter “nobody”", "@nobody"),
        ("@", "needs the name", "@"),
        ("x @loop", "refers to itself", "@loop"),
    ],
)
def test_an_error_has_a_message_and_a_position(text: str, message: str, span: str) -> None:
    with pytest.raises(FilterError) as caught:
        meaning(text)
    assert message in str(caught.value)
    assert text[caught.value.start : caught.value.end] == span


names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
values = st.text(min_size=1, max_size=12)
operators = st.sampled_from([":", "<", "<=", ">", ">=", "=", "!="])
leaves: st.SearchStrategy[Tree] = st.one_of(
    st.builds(lambda text: Words(text, HERE), values),
    st.builds(
        lambda field, operator, value: Term(field, operator, value, HERE, HERE),
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
def test_writing_and_parsing_a_tree_gives_an_equal_tree(tree: Tree) -> None:
    assert parse(write(tree)) == tree


pieces = st.sampled_from([*'ab:<>=!@-()" .é', "or", " not ", "regime:", "margin"])


@given(st.one_of(st.text(), st.lists(pieces, max_size=12).map("".join)))
def test_any_text_is_a_filter_or_an_error_with_a_position_in_it(text: str) -> None:
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
        ("regime:got,resi", "resisted "),
        ("lab", "labeler:"),
        ("eloquent:r>", "r>c "),
        ("disagrees:h", "harmless "),
        ("@h", "@hard "),
        ("topic:ha", '"hate speech" '),
    ],
)
def test_the_most_likely_completion_comes_first(typed: str, first: str) -> None:
    completion = complete(typed, len(typed), VOCABULARY, {"topic": ["law", "hate speech"]})[0]
    assert completion.text == first
    assert typed.endswith(typed[completion.start : completion.end])


def test_nothing_is_completed_inside_quotation_marks() -> None:
    assert complete('"reg', 4, VOCABULARY, {}) == []


def test_every_completion_of_a_choice_is_valid() -> None:
    for field in VOCABULARY.fields.values():
        if field.kind in ("choice", "label", "feature"):
            typed = f"{field.name}:"
            for completion in complete(typed, len(typed), VOCABULARY, {}):
                assert meaning(typed[: completion.start] + completion.text)


def test_saved_filters_that_multiply_are_refused_before_they_are_written_out() -> None:
    saved = {"a0": "yes " * 50} | {f"a{n}": f"@a{n - 1} " * 50 for n in range(1, 5)}
    with pytest.raises(FilterError, match="312,500,000 conditions, with those of its saved"):
        check(parse("@a4"), Vocabulary.of_pairs((), saved))
    chain = {"a0": "yes"} | {f"a{n}": f"@a{n - 1}" for n in range(1, 3_000)}
    with pytest.raises(FilterError, match="name each other more than 5 deep"):
        check(parse("@a2999"), Vocabulary.of_pairs((), chain))
    assert check(parse("@a3"), Vocabulary.of_pairs((), chain))


def test_a_feature_keeps_its_name_even_if_a_field_has_it_too() -> None:
    vocabulary = Vocabulary.of_pairs(("human", "margin"), {})
    assert check(parse("human:c"), vocabulary) == Is("human", "c")
    assert check(parse("label_margin:c"), vocabulary) == Is("label_margin", "c")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("eloquent", "write eloquent:c"),
        ("a not (b or Margin)", "write Margin<0.5"),
        ("12", "write pair:12"),
        ("regime:got doctor", ""),
        ("", ""),
    ],
)
def test_a_bare_word_that_names_something_says_what_to_write(text: str, said: str) -> None:
    hinted = hint(parse(text), VOCABULARY)
    assert said in hinted
    assert bool(said) == bool(hinted)
    if said:
        meaning(said.removeprefix("write "))
