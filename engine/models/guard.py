"""Decides which rewrites are refused, and why. Text checks only; the cosine is separate."""

from __future__ import annotations

import re
from collections import Counter

EMPTY = "empty or unfinished"
IDENTICAL = "identical to the original"
NUMBERS = "numbers changed"
NEGATIONS = "negations changed"
CUT_SHORT = "cut short or run on"
TURNS = "turns changed"  # of a whole transcript
REASONS = (EMPTY, IDENTICAL, NUMBERS, NEGATIONS, CUT_SHORT, TURNS)

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORDS = "no not never none nobody nothing neither nor nowhere without cannot"
_NEGATION = re.compile(rf"\b(?:{'|'.join(_WORDS.split())})\b|n't\b", re.IGNORECASE)


def _squeeze(text: str) -> str:
    return " ".join(text.replace("\u2019", "'").split())


def refusal_reason(original: str, rewritten: str) -> str | None:
    """Why this rewrite is refused; None if it is accepted.

    Negations are compared only by presence: "can't … and won't" may become one "neither".
    """
    before, after = _squeeze(original), _squeeze(rewritten)
    if not after:
        return EMPTY
    if after == before:
        return IDENTICAL
    if Counter(_NUMBER.findall(before)) != Counter(_NUMBER.findall(after)):
        return NUMBERS
    if bool(_NEGATION.search(before)) != bool(_NEGATION.search(after)):
        return NEGATIONS
    words = len(before.split())
    if not words / 2 - 2 <= len(after.split()) <= words * 2 + 4:
        return CUT_SHORT
    return None
