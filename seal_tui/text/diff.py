"""Word-level difference of two texts, as marked runs of raw text."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

# A word with the space after it. Spaces as tokens of their own make difflib quadratic.
_TOKEN = re.compile(r"\S+\s*|\s+")
_UNRELATED = 0.3
_MAX_TOKENS = 4000


class Run(NamedTuple):
    """A piece of text, and whether it is missing on the other side."""

    text: str
    changed: bool


class Difference(NamedTuple):
    """Both texts split into runs; joined, the runs are the texts."""

    left: tuple[Run, ...]
    right: tuple[Run, ...]
    related: bool


def _whole(text: str) -> tuple[Run, ...]:
    return (Run(text, False),) if text else ()


def _append(runs: list[Run], words: list[str], changed: bool) -> None:
    text = "".join(words)
    if not text:
        return
    if runs and runs[-1].changed == changed:
        runs[-1] = Run(runs[-1].text + text, changed)
    else:
        runs.append(Run(text, changed))


@lru_cache(maxsize=64)
def words(left: str, right: str) -> Difference:
    """What differs between two texts, word by word.

    Texts with little in common get no marks, because nearly everything would be marked.
    """
    if left == right:
        return Difference(_whole(left), _whole(right), True)
    tokens_left, tokens_right = _TOKEN.findall(left), _TOKEN.findall(right)
    unmarked = Difference(_whole(left), _whole(right), False)
    if max(len(tokens_left), len(tokens_right)) > _MAX_TOKENS:
        return unmarked
    # Spaces are not compared, so that a reflowed line is not a change.
    matcher = SequenceMatcher(
        None,
        [token.rstrip() for token in tokens_left],
        [token.rstrip() for token in tokens_right],
        autojunk=False,
    )
    if matcher.quick_ratio() < _UNRELATED or matcher.ratio() < _UNRELATED:
        return unmarked
    runs_left: list[Run] = []
    runs_right: list[Run] = []
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        _append(runs_left, tokens_left[i1:i2], kind != "equal")
        _append(runs_right, tokens_right[j1:j2], kind != "equal")
    return Difference(tuple(runs_left), tuple(runs_right), True)
