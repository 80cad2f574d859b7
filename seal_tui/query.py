"""The filter bar's little language: `regime:resisted opinion:c feature:eloquent some words`.

Text in, a query message out. A term that is not understood is an error with the mend in it,
never silently ignored: a filter that selects something else than asked misleads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.messages import OPINIONS, REGIMES, PairQuery, RewriteQuery
from seal_tui import words

_OPINION_WORDS: Mapping[str, str] = {
    "chosen": "c",
    "indifferent": "i",
    "rejected": "r",
    **{str(opinion): str(opinion) for opinion in OPINIONS},
}
_REGIME_WORDS: Mapping[str, str] = {regime: regime for regime in REGIMES}
_CHANGE_WORDS = {"misaligned": "misaligned", "aligned": "aligned", "same": "same"}
_TERM = re.compile(r'(\w+):(?:"([^"]*)"|(\S*))|"([^"]*)"|(\S+)')
_SIDES = {"chosen": "chosen", "rejected": "rejected"}

PAIR_TERMS = "regime:  opinion:  feature:NAME or NAME@chosen  and words of the text"
REWRITE_TERMS = "strategy:  change:  feature:NAME  pair:NUMBER"


class FilterError(ValueError):
    """Why a filter was not understood, and what would be."""


def _terms(text: str) -> list[tuple[str, str]]:
    """The terms in order as (key, value); plain and quoted words have the key ""."""
    found = []
    for match in _TERM.finditer(text):
        key, *values = match.groups()
        value = next((value for value in values if value is not None), "")
        if '"' in value:
            raise FilterError('a quotation mark " is not closed')
        found.append((key or "", value))
    return found


def _pick(key: str, value: str, allowed: Mapping[str, str]) -> str:
    if value in allowed:
        return allowed[value]
    found = {target for word, target in allowed.items() if value and word.startswith(value)}
    if len(found) == 1:
        return found.pop()
    known = ", ".join(dict.fromkeys(allowed))
    raise FilterError(f"{key}: knows {known}, not “{value}”")


def _feature(value: str, names: Sequence[str]) -> str:
    """A feature by its full name, its label, or the one whose label begins with or holds it."""
    wanted = value.lower().replace("_", " ").strip()
    labels = {name: words.feature(name).lower() for name in names}
    if value in labels:
        return value
    tests = (
        lambda label: label == wanted,
        lambda label: label.startswith(wanted),
        lambda label: wanted in label,
    )
    for test in tests:
        found = [name for name, label in labels.items() if wanted and test(label)]
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(labels[name] for name in found[:4])
            raise FilterError(f"feature: “{value}” could be {some}")
    raise FilterError(f"feature: no feature is called “{value}”")


def _known(key: str, keys: Sequence[str], found: Mapping[str, Any]) -> None:
    if key not in keys:
        raise FilterError(
            f"“{key}:” is no filter; there are {', '.join(f'{name}:' for name in keys)}"
            ' (put words in "…" to search for them)'
        )
    if key in found:
        raise FilterError(f"{key}: is given twice")


def parse_pairs(text: str, features: Sequence[str], base: PairQuery) -> PairQuery:
    """`text` as a query that keeps the order of `base`."""
    found: dict[str, Any] = {}
    looked_for: list[str] = []
    for key, value in _terms(text):
        if not key:
            looked_for.append(value)
            continue
        _known(key, ("regime", "opinion", "feature"), found)
        if key == "regime":
            found[key] = _pick(key, value, _REGIME_WORDS)
        elif key == "opinion":
            found[key] = _pick(key, value, _OPINION_WORDS)
        else:
            name, _, side = value.partition("@")
            found[key] = _feature(name, features)
            if side:
                found["feature_side"] = _pick("feature:NAME@", side, _SIDES)
    if looked_for:
        found["text"] = " ".join(looked_for).strip()
    return msgspec.structs.replace(PairQuery(sort=base.sort, descending=base.descending), **found)


def parse_rewrites(
    text: str, features: Sequence[str], strategies: Sequence[str], base: RewriteQuery
) -> RewriteQuery:
    """`text` as a query that keeps the order of `base`."""
    found: dict[str, Any] = {}
    for key, value in _terms(text):
        if not key:
            raise FilterError(f"“{value}” is no filter here; there are {REWRITE_TERMS}")
        _known(key, ("strategy", "change", "feature", "pair"), found)
        if key == "strategy":
            found[key] = _pick(key, value, {name: name for name in strategies})
        elif key == "change":
            found[key] = _pick(key, value, _CHANGE_WORDS)
        elif key == "feature":
            found[key] = _feature(value, features)
        elif not value.isdecimal():
            raise FilterError(f"pair: wants a number, not “{value}”")
        else:
            found["pair_id"] = int(value)
    query = RewriteQuery(sort=base.sort, descending=base.descending)
    return msgspec.structs.replace(query, **found)


def term(key: str, value: str) -> str:
    """One term of a filter as a person would type it."""
    return f'{key}:"{value}"' if " " in value else f"{key}:{value}"
