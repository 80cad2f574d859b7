"""What a filter can speak of, and the check of a tree against it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from engine.errors import FilterError
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

Kind = Literal["number", "choice", "name", "label", "feature"]


@dataclass(frozen=True)
class Field:
    """A key. `values` are the words of a choice, each with what it stands for; `number` takes
    comparisons and ranges, `name` any text, `label` a relation between the labels of the two
    sides, `feature` the name of a feature."""

    name: str
    kind: Kind
    help: str
    values: Mapping[str, str] = field(default_factory=dict)


# How the labels of the chosen and the rejected answer may stand to each other.
RELATIONS: Mapping[str, str] = {
    "c": "c",
    "chosen": "c",
    "r": "r",
    "rejected": "r",
    "both": "both",
    "none": "none",
    "any": "any",
    "c>r": "c>r",
    "r<c": "c>r",
    "r>c": "r>c",
    "c<r": "r>c",
    "differs": "differs",
    "same": "same",
}

PAIR_FIELDS: Sequence[Field] = (
    Field(
        "regime",
        "choice",
        "what training did to the verdict",
        {name: name for name in ("stayed", "got", "resisted", "reversed")},
    ),
    Field(
        "opinion",
        "choice",
        "the answer that the labeler would take",
        {"c": "c", "chosen": "c", "i": "i", "indifferent": "i", "r": "r", "rejected": "r"},
    ),
    Field("margin", "number", "reward of chosen minus rejected, after training"),
    Field("margin_pre", "number", "the same before training"),
    Field("margin_change", "number", "what training did to the margin"),
    Field("theta", "number", "turn of the reward vector, degrees"),
    Field("gain", "number", "turn towards alignment, degrees"),
    Field("ambiguity", "number", "how unclear the preference is, bits"),
    Field("amb", "number", "short for ambiguity"),
    Field("residual", "number", "how far the post-D margin is from what the features explain"),
    Field("pair", "number", "number of the pair"),
    Field("id", "name", "the pair's id in the dataset"),
    Field("topic", "name", "topic, or a part of its name"),
    Field(
        "is",
        "choice",
        "a property",
        {
            name: name
            for name in (
                "aligned",
                "misaligned",
                "tie",
                "noise",
                "truncated",
                "unlabeled",
                "duplicate",
                "flagged",
                "decided",
                "undecided",
            )
        },
    ),
    Field(
        "verdict",
        "choice",
        "your decision",
        {name: name for name in ("keep", "flip", "drop", "tie", "discuss")},
    ),
    Field("by", "name", "someone decided, by name"),
    Field("tag", "name", "one of your tags"),
    Field("note", "name", "a part of your note"),
    Field(
        "has",
        "choice",
        "what belongs to the pair",
        {name: name for name in ("note", "tags", "rewrites")},
    ),
    Field("disagrees", "feature", "labelers contradict each other about this feature"),
)

REWRITE_FIELDS: Sequence[Field] = (
    Field("strategy", "choice", "how it was rewritten"),
    Field(
        "change",
        "choice",
        "what became of the verdict",
        {name: name for name in ("misaligned", "aligned", "same")},
    ),
    Field("flipped", "feature", "its label changed, on either side"),
    Field("flipped_chosen", "feature", "its label changed on the chosen side"),
    Field("flipped_rejected", "feature", "its label changed on the rejected side"),
    Field("cosine", "number", "closeness in meaning, the lower of the two answers"),
    Field("margin", "number", "post-D margin of the original pair"),
    Field("margin_after", "number", "post-D margin of the rewritten pair"),
    Field("margin_shift", "number", "what the rewriting did to the margin"),
    Field("pair", "number", "number of the pair"),
)


@dataclass(frozen=True)
class Vocabulary:
    """The keys of one kind of list, the features of the study, and the saved filters."""

    fields: Mapping[str, Field]
    features: Sequence[str]
    saved: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_pairs(cls, features: Sequence[str], saved: Mapping[str, str]) -> Vocabulary:
        known = {field.name: field for field in PAIR_FIELDS}
        for name in features:
            # A feature with the name of a field is still reachable.
            key = f"label_{name}" if name in known else name
            known[key] = Field(key, "label", "labels of the two answers", RELATIONS)
        return cls(known, features, saved)

    @classmethod
    def of_rewrites(cls, features: Sequence[str], strategies: Sequence[str]) -> Vocabulary:
        known = {field.name: field for field in REWRITE_FIELDS}
        names = {name: name for name in strategies}
        known["strategy"] = Field("strategy", "choice", known["strategy"].help, names)
        return cls(known, features)


# ---------------------------------------------------------------- checked filters


@dataclass(frozen=True)
class Contains:
    text: str


@dataclass(frozen=True)
class Number:
    """`name` lies between two bounds; an infinite one bounds nothing. `strict`: not on them."""

    name: str
    low: float
    high: float
    strict: bool = False


@dataclass(frozen=True)
class Is:
    """A choice, a name, a relation of labels or a feature; `value` is one of the known words."""

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
    """The tree with every key and value known. Raises FilterError at the first that is not.

    `inside`: the saved filters on the way here."""
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


def _saved(name: str, at: Span, vocabulary: Vocabulary, inside: tuple[str, ...]) -> Checked:
    if name not in vocabulary.saved:
        known = list(vocabulary.saved) or ["none yet"]
        reason = f"no saved filter {name}{_nearest(name, known, '@')}"
        raise FilterError(reason, at.start, at.end)
    if name in inside:
        raise FilterError(f"@{name} leads back to itself", at.start, at.end)
    try:
        return check(parse(vocabulary.saved[name]), vocabulary, (*inside, name))
    except FilterError as error:
        if inside:
            raise
        raise FilterError(f"in the saved filter {name}: {error}", at.start, at.end) from None


def _term(term: Term, vocabulary: Vocabulary) -> Checked:
    key = term.key.lower()
    known = vocabulary.fields.get(key)
    if known is None:
        end = term.at.start + len(term.key)
        reason = f"“{term.key}” is no key of a filter{_nearest(key, list(vocabulary.fields))}"
        raise FilterError(f'{reason}; words to search for go in "…"', term.at.start, end)
    if known.kind == "number":
        return _number(known.name, term)
    negative = term.operator == "!="
    if term.operator not in (":", "=", "!="):
        raise FilterError(
            f"{known.name} is not a number: write {known.name}:{_example(known, vocabulary)}",
            term.at.start,
            term.at.end,
        )
    if known.kind == "name":
        value = term.value
    elif known.kind == "feature":
        value = _pick(known.name, term, {name: name for name in vocabulary.features})
    else:
        value = _pick(known.name, term, known.values)
    found = Is(known.name, value)
    return Without(found) if negative else found


def _pick(key: str, term: Term, values: Mapping[str, str]) -> str:
    """The word meant: itself, whatever the case, or the only one that begins so."""
    wanted = term.value.lower()
    exact = {word.lower(): meaning for word, meaning in values.items()}
    if wanted in exact:
        return exact[wanted]
    begun = {meaning for word, meaning in exact.items() if word.startswith(wanted)}
    if len(begun) == 1:
        return begun.pop()
    near = _nearest(wanted, list(values))
    raise FilterError(
        f"{key} knows no “{term.value}”{near}", term.value_at.start, term.value_at.end
    )


def _number(name: str, term: Term) -> Checked:
    if term.operator == ":" and ".." in term.value:
        low_text, _, high_text = term.value.partition("..")
        low = _value(low_text, term) if low_text else -math.inf
        high = _value(high_text, term) if high_text else math.inf
        if low > high:
            raise FilterError(
                f"{low:g} is above {high:g}: the lower end comes first",
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
            f"{term.key} wants a number such as 0.5 or a range -0.5..0.5, not “{text}”",
            term.value_at.start,
            term.value_at.end,
        )
    return value


def _example(known: Field, vocabulary: Vocabulary) -> str:
    if known.kind == "feature":
        return next(iter(vocabulary.features), "NAME")
    return next(iter(known.values), "TEXT")


def _nearest(word: str, known: Sequence[str], prefix: str = "") -> str:
    """What was probably meant, or else what there is."""
    close = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(prefix + name for name in close)}?"
    some = ", ".join(prefix + name for name in known[:8])
    return f"; there are {some}{', …' if len(known) > 8 else ''}"
