"""What may follow at a place of a filter that is being typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from engine.filters.language import quoted
from engine.filters.vocabulary import Field, Vocabulary
from engine.wire.messages import Completion

# The piece of a filter that ends at the cursor: maybe a sign, maybe a key, and what is begun.
_PIECE = re.compile(r'(?P<sign>[-(]*)(?:(?P<key>[A-Za-z_]\w*):)?(?P<begun>[^\s()":]*)$')
_MOST = 40


def complete(
    text: str, cursor: int, vocabulary: Vocabulary, names: Mapping[str, Sequence[str]]
) -> list[Completion]:
    """Completions for the word at the cursor, the likeliest first.

    `names`: values in use of the fields that take any name (topics, tags, …).
    """
    before = text[: max(0, min(cursor, len(text)))]
    if before.count('"') % 2:
        return []  # inside a quoted text
    match = _PIECE.search(before)
    assert match is not None
    begun = match["begun"]
    start = match.start("begun")
    if match["key"] is not None:
        known = vocabulary.fields.get(match["key"].lower())
        found = _values(known, vocabulary, names) if known is not None else iter(())
        closing = " "
    elif begun.startswith("@"):
        found = ((f"@{name}", saved) for name, saved in vocabulary.saved.items())
        closing = " "
    else:
        found = _keys(vocabulary)
        closing = ""
    return [
        Completion(text=word + closing, start=start, end=len(before), detail=detail)
        for word, detail in _ranked(begun, found)
    ]


def _keys(vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    for known in vocabulary.fields.values():
        sign = "<" if known.kind == "number" else ":"
        yield f"{known.name}{sign}", known.help
    for name, saved in vocabulary.saved.items():
        yield f"@{name}", saved
    yield "not ", "leaves out what follows; - does too"
    yield "or ", "what is before or what is after"


_RELATION_HELP = {
    "c": "the chosen answer has it",
    "r": "the rejected answer has it",
    "both": "both answers have it",
    "none": "neither answer has it",
    "any": "at least one has it",
    "c>r": "the chosen answer has more of it",
    "r>c": "the rejected answer has more of it",
    "differs": "the two answers differ in it",
    "same": "the two answers do not differ in it",
}


def _values(
    known: Field, vocabulary: Vocabulary, names: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    if known.kind == "label":
        yield from _RELATION_HELP.items()
    elif known.kind == "feature":
        for name in vocabulary.features:
            yield name, known.help
    elif known.kind == "name":
        for name in names.get(known.name, ()):
            yield quoted(name, in_term=True), known.help
    else:
        shown: set[str] = set()
        for word, meaning in known.values.items():
            # Of several words for one thing the longest says most.
            best = max((w for w, m in known.values.items() if m == meaning), key=len)
            if word == best and meaning not in shown:
                shown.add(meaning)
                yield word, known.help


def _ranked(begun: str, found: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those that begin so, then those that hold it somewhere."""
    wanted = begun.lower()
    every = list(found)
    first = [item for item in every if item[0].lower().startswith(wanted)]
    then = [item for item in every if wanted in item[0].lower() and item not in first]
    return (first + then)[:_MOST]
