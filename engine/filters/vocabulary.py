"""The check of a syntax tree against the fields and values of filters."""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from itertools import combinations, starmap

from engine.errors import FilterError
from engine.filters.fields import (
    OF_EITHER_SIDE,
    PAIR_FIELDS,
    RELATIONS,
    REWRITE_FIELDS,
    Field,
    between,
)
from engine.filters.language import (
    All,
    Either,
    Not,
    Operator,
    Saved,
    Span,
    Term,
    Tree,
    Words,
    parse,
)

MAX_CONDITIONS = 1_000
MAX_SAVED = 5  # saved filters within saved filters


@dataclass(frozen=True)
class Vocabulary:
    """The fields of one kind of list by every name they have, the features of the study, and the
    saved filters. In blind mode (`blind`) only what a field allows is accepted and completed."""

    fields: Mapping[str, Field]
    features: Sequence[str]
    saved: Mapping[str, str] = dataclass_field(default_factory=dict)
    blind: bool = False

    @classmethod
    def of_pairs(
        cls,
        features: Sequence[str],
        saved: Mapping[str, str],
        *,
        labelers: Sequence[str] = (),
        blind: bool = False,
    ) -> Vocabulary:
        fields = {field.name: field for field in PAIR_FIELDS}
        if len(labelers) > 2:
            fields |= {one.name: one for one in starmap(between, combinations(sorted(labelers), 2))}
        for name in features:
            # A prefix keeps a feature with the name of a built-in field reachable.
            key = f"label_{name}" if name in fields else name
            fields[key] = Field(
                key, "label", "labels of the two answers", OF_EITHER_SIDE, RELATIONS
            )
        return cls(_by_every_name(fields), features, saved, blind)

    @classmethod
    def of_rewrites(cls, features: Sequence[str], strategies: Sequence[str]) -> Vocabulary:
        fields = {field.name: field for field in REWRITE_FIELDS}
        values = {name: name for name in strategies}
        fields["strategy"] = replace(fields["strategy"], values=values)
        return cls(_by_every_name(fields), features)


def _by_every_name(fields: dict[str, Field]) -> dict[str, Field]:
    """A feature keeps its name, even if a field has it as another name."""
    others = {name: field for field in fields.values() for name in field.also}
    return {**others, **fields}


# ---------------------------------------------------------------- checked filters


@dataclass(frozen=True)
class Contains:
    text: str


@dataclass(frozen=True)
class Number:
    """`name` is between two bounds, either of which may be infinite; `strict` excludes them."""

    name: str
    low: float
    high: float
    strict: bool = False


@dataclass(frozen=True)
class Is:
    """A condition on any other kind of field; `value` is one of the field's meanings or a text."""

    name: str
    value: str


@dataclass(frozen=True)
class Without:
    inner: Checked


@dataclass(frozen=True)
class Every:
    inner: tuple[Checked, ...]


@dataclass(frozen=True)
class Any:
    inner: tuple[Checked, ...]


Checked = Contains | Number | Is | Without | Every | Any


def check(tree: Tree, vocabulary: Vocabulary, inside: tuple[str, ...] = ()) -> Checked:
    """Resolves every field and value. Raises FilterError at the first unknown one, and for more
    conditions than a database should be asked at once.

    `inside`: the saved filters being expanded.
    """
    if not inside and (count := _conditions(tree, vocabulary, {}, 0)) > MAX_CONDITIONS:
        raise FilterError(
            f"the filter has {count:,} conditions, with those of its saved filters; the limit is "
            f"{MAX_CONDITIONS:,}",
            0,
            0,
        )
    match tree:
        case Words(text):
            return Contains(text)
        case Saved(name, at):
            return _saved(name, at, vocabulary, inside)
        case Not(inner):
            return Without(check(inner, vocabulary, inside))
        case All(parts):
            return Every(tuple(check(part, vocabulary, inside) for part in parts))
        case Either(parts):
            return Any(tuple(check(part, vocabulary, inside) for part in parts))
        case Term():
            return _term(tree, vocabulary)


def _conditions(tree: Tree, vocabulary: Vocabulary, known: dict[str, int], depth: int) -> int:
    """How many there are, counted without writing saved filters out. `known`: theirs by name."""
    match tree:
        case Saved(name):
            if name not in known:
                known[name] = 0  # of one in itself or too deep, which is refused elsewhere
                if depth == MAX_SAVED:
                    return 0
                with contextlib.suppress(FilterError):
                    inner = parse(vocabulary.saved.get(name, ""))
                    known[name] = _conditions(inner, vocabulary, known, depth + 1)
            return known[name]
        case Not(inner):
            return _conditions(inner, vocabulary, known, depth)
        case All(parts) | Either(parts):
            return sum(_conditions(part, vocabulary, known, depth) for part in parts)
        case _:
            return 1


def _saved(name: str, at: Span, vocabulary: Vocabulary, inside: tuple[str, ...]) -> Checked:
    if name not in vocabulary.saved:
        hint = _suggestion(name, list(vocabulary.saved), "@")
        raise FilterError(f"unknown saved filter “{name}”{hint}", at.start, at.end)
    if name in inside:
        raise FilterError(f"@{name} refers to itself", at.start, at.end)
    if len(inside) == MAX_SAVED:
        raise FilterError(
            f"saved filters name each other more than {MAX_SAVED} deep", at.start, at.end
        )
    try:
        return check(parse(vocabulary.saved[name]), vocabulary, (*inside, name))
    except FilterError as error:
        if inside:
            raise
        raise FilterError(f"in saved filter {name}: {error}", at.start, at.end) from None


def _term(term: Term, vocabulary: Vocabulary) -> Checked:
    name = term.field.lower()
    field = vocabulary.fields.get(name)
    if field is None:
        hint = _suggestion(name, list(vocabulary.fields))
        reason = f"unknown filter field “{term.field}”{hint}; quote text to search for"
        raise FilterError(reason, term.at.start, term.at.start + len(term.field))
    if vocabulary.blind and field.blind is False:
        raise _hidden(field.name, term)
    if field.kind == "number":
        return _number(field.name, term)
    if term.operator not in (":", "=", "!="):
        raise FilterError(
            f"{field.name} is not a number: write {field.name}:{_example(field, vocabulary)}",
            term.at.start,
            term.at.end,
        )
    if field.kind == "name":
        values = [term.value]  # free text, in which a comma means itself
    elif field.kind == "feature":
        values = _choose(field.name, term, {feature: feature for feature in vocabulary.features})
    else:
        values = _choose(field.name, term, field.values)
    for value in values:
        if vocabulary.blind and not field.shown_blind(value):
            raise _hidden(f"{field.name}:{value}", term)
    conditions = tuple(Is(field.name, value) for value in values)
    condition = conditions[0] if len(conditions) == 1 else Any(conditions)
    return Without(condition) if term.operator == "!=" else condition


def _hidden(what: str, term: Term) -> FilterError:
    return FilterError(
        f"{what} is hidden in blind mode: it depends on the human's choice or on others' decisions",
        term.at.start,
        term.at.end,
    )


def _choose(name: str, term: Term, values: Mapping[str, str]) -> list[str]:
    """The meanings of the term's values, which commas separate: exact matches, ignoring case, or
    unique prefixes."""
    meanings = {word.lower(): meaning for word, meaning in values.items()}
    found = []
    for value in term.value.split(","):
        text = value.strip().lower()
        matches = {meaning for word, meaning in meanings.items() if text and word.startswith(text)}
        if text in meanings:
            matches = {meanings[text]}
        if len(matches) != 1:
            hint = _suggestion(text, list(values))
            at = term.value_at
            raise FilterError(f"“{value}” is not a value of {name}{hint}", at.start, at.end)
        found.append(matches.pop())
    return list(dict.fromkeys(found))


def hint(tree: Tree, vocabulary: Vocabulary) -> str:
    """What to write in place of a bare word that is searched for in the texts, but names a field
    or looks like the number of a pair; empty if there is no such word."""
    match tree:
        case Words(text):
            field = vocabulary.fields.get(text.lower())
            if field is not None:
                rest = "<0.5" if field.kind == "number" else f":{_example(field, vocabulary)}"
                return f"“{text}” is searched for in the texts; for the field write {text}{rest}"
            if text.isdecimal():
                return f"“{text}” is searched for in the texts; for the pair write pair:{text}"
            return ""
        case Not(inner):
            return hint(inner, vocabulary)
        case All(parts) | Either(parts):
            return next(filter(None, (hint(part, vocabulary) for part in parts)), "")
        case Saved() | Term():
            return ""


def _number(name: str, term: Term) -> Checked:
    if term.operator == ":" and ".." in term.value:
        low_text, _, high_text = term.value.partition("..")
        low = _value(low_text, term) if low_text else -math.inf
        high = _value(high_text, term) if high_text else math.inf
        if low > high:
            raise FilterError(
                f"{low:g} is greater than {high:g}: put the lower bound first",
                term.value_at.start,
                term.value_at.end,
            )
        return Number(name, low, high)
    value = _value(term.value, term)
    bounds: dict[Operator, Checked] = {
        ":": Number(name, value, value),
        "=": Number(name, value, value),
        "!=": Without(Number(name, value, value)),
        "<": Number(name, -math.inf, value, strict=True),
        "<=": Number(name, -math.inf, value),
        ">": Number(name, value, math.inf, strict=True),
        ">=": Number(name, value, math.inf),
    }
    return bounds[term.operator]


def _value(text: str, term: Term) -> float:
    try:
        value = float(text.replace("\u2212", "-").rstrip("°"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        raise FilterError(
            f"{term.field} needs a number (0.5) or a range (-0.5..0.5), not “{text}”",
            term.value_at.start,
            term.value_at.end,
        )
    return value


def _example(field: Field, vocabulary: Vocabulary) -> str:
    if field.kind == "feature":
        return next(iter(vocabulary.features), "NAME")
    return next(iter(field.values), "TEXT")


def _suggestion(word: str, names: Sequence[str], prefix: str = "") -> str:
    """Similar names, or else the valid ones, as the end of an error message."""
    if not names:
        return "; none is defined"
    matches = difflib.get_close_matches(word, names, n=2, cutoff=0.6)
    if matches:
        return f"; did you mean {' or '.join(prefix + name for name in matches)}?"
    examples = ", ".join(prefix + name for name in names[:8])
    return f"; valid: {examples}{', …' if len(names) > 8 else ''}"
