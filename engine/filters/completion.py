"""Completions for a filter that is being typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from engine.filters.fields import Field
from engine.filters.language import quoted
from engine.filters.vocabulary import Vocabulary
from engine.wire.messages import Completion

# The text before the cursor: an optional sign, an optional field, and the start of a word.
_PIECE = re.compile(
    r'(?P<sign>[-(]*)(?:(?P<field>[A-Za-z_]\w*):)?(?:[^\s()":,]*,)*(?P<prefix>[^\s()":,]*)$'
)
_LIMIT = 40


def complete(
    text: str, cursor: int, vocabulary: Vocabulary, names: Mapping[str, Sequence[str]]
) -> list[Completion]:
    """Completions for the word at the cursor, the most likely first.

    `names`: the existing values of free-text fields (topics, tags, …).
    """
    before = text[: max(0, min(cursor, len(text)))]
    if before.count('"') % 2:
        return []  # inside quotation marks
    match = _PIECE.search(before)
    assert match is not None
    prefix = match["prefix"]
    start = match.start("prefix")
    if match["field"] is not None:
        field = vocabulary.fields.get(match["field"].lower())
        candidates = _values(field, vocabulary, names) if field is not None else iter(())
        if vocabulary.blind and field is not None:
            candidates = _shown(field, candidates)
        ending = " "
    elif prefix.startswith("@"):
        candidates = ((f"@{name}", saved) for name, saved in vocabulary.saved.items())
        ending = " "
    else:
        candidates = _fields(vocabulary)
        ending = ""
    return [
        Completion(text=word + ending, start=start, end=len(before), detail=detail)
        for word, detail in _ranked(prefix, candidates)
    ]


def _fields(vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    for name, field in vocabulary.fields.items():
        if vocabulary.blind and field.blind is False:
            continue
        operator = "<" if field.kind == "number" else ":"
        yield f"{name}{operator}", field.help
    for name, saved in vocabulary.saved.items():
        yield f"@{name}", saved
    yield "not ", "excludes the next condition; short form: -"
    yield "or ", "either condition"


_RELATION_HELP = {
    "c": "the chosen answer has it",
    "r": "the rejected answer has it",
    "both": "both answers have it",
    "none": "neither answer has it",
    "any": "at least one answer has it",
    "c>r": "the chosen answer has more of it",
    "r>c": "the rejected answer has more of it",
    "differs": "the labels of the two answers differ",
    "same": "the labels of the two answers are equal",
}


def _shown(field: Field, candidates: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The completions of a field that blind mode allows."""
    return (one for one in candidates if field.shown_blind(field.values.get(one[0], one[0])))


def _values(
    field: Field, vocabulary: Vocabulary, names: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    if field.kind == "label":
        yield from _RELATION_HELP.items()
    elif field.kind == "feature":
        for name in vocabulary.features:
            yield name, field.help
    elif field.kind == "name":
        for name in names.get(field.name, ()):
            yield quoted(name, in_term=True), field.help
    else:
        longest: dict[str, str] = {}  # meaning → the longest, hence clearest, of its words
        for word, meaning in field.values.items():
            longest[meaning] = max(longest.get(meaning, ""), word, key=len)
        for word in field.values:
            if word in longest.values():
                yield word, field.help


def _ranked(prefix: str, candidates: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    """The candidates that start with the prefix, then those that contain it."""
    prefix = prefix.lower()
    matches = [item for item in candidates if prefix in item[0].lower()]
    matches.sort(key=lambda item: not item[0].lower().startswith(prefix))
    return matches[:_LIMIT]
