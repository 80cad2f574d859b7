"""What was left out, in words: of the data by a limit, of the rewrites by the scores."""

from __future__ import annotations

from engine.results import names, numbers, views
from engine.results.records import Tables


def sample(pairs: int, usable: int) -> str:
    """150 pairs, a sample of 2,308"""
    of = f", a sample of {numbers.count(usable)}" if usable > pairs else ""
    return f"{numbers.many(pairs, 'pair')}{of}"


def rewrites(rewritten: int, used: int) -> str:
    """34 rewritten pairs, of which 13 are left out"""
    out = f", of which {numbers.count(rewritten - used)} are left out" if used < rewritten else ""
    return f"{numbers.many(rewritten, 'rewritten pair')}{out}"


def no_scores(tables: Tables, preset: str, rewritten: int, used: int) -> str:
    """Why there is no robustness score."""
    if not rewritten:
        return "no pairs were rewritten"
    reasons = [
        names.reason(row.reason)
        for row in views.dropped(tables, "robustness", preset)
        if row.reason != "low_cosine"
    ]
    why = f": {reasons[0]}" if reasons else ""
    return f"no score from {rewrites(rewritten, used)}{why}"
