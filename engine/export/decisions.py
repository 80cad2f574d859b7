"""A pair with its review decision, and the effect of the decision on an export."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from engine.data.reviewed import Decision, ReviewedPair
from engine.wire.messages import ExportRequest, Verdict


def action(verdict: Verdict | None, request: ExportRequest) -> Literal["keep", "flip", "omit"]:
    """What a training format does with a pair. Undecided pairs keep the human preference."""
    match verdict:
        case "flip":
            return "flip"
        case "drop":
            return "omit"
        case "tie":
            return "keep" if request.ties == "keep" else "omit"
        case "discuss":
            return "keep" if request.discuss == "keep" else "omit"
        case _:
            return "keep"


def apply_decision(pair: ReviewedPair, request: ExportRequest) -> ReviewedPair | None:
    """The pair with its sides as decided, or None if it is left out."""
    match action(pair.verdict, request):
        case "flip":
            return pair._replace(chosen=pair.rejected, rejected=pair.chosen)
        case "omit":
            return None
        case _:
            return pair


class Counts(NamedTuple):
    """Of the pairs to export: how many there are, how many remain once decisions are applied,
    and how many have each decision."""

    pairs: int
    included: int
    decisions: dict[str, int]
    duplicates: int
    contradictions: int


def count(decisions: Iterable[Decision], request: ExportRequest) -> Counts:
    """The number of pairs and decisions in an export.

    After flipping, `duplicates` are pairs equal to an earlier one, and `contradictions` are pairs
    equal to an earlier one with its sides swapped. Both are included.
    """
    counts = dict.fromkeys(("keep", "flip", "drop", "tie", "discuss", "undecided", "flagged"), 0)
    pairs = included = duplicates = contradictions = 0
    seen: set[tuple[int, int]] = set()
    for chosen, rejected, verdict, flagged in decisions:
        pairs += 1
        counts[verdict or "undecided"] += 1
        counts["flagged"] += flagged
        change = action(verdict, request)
        if change == "omit":
            continue
        included += 1
        sides = (rejected, chosen) if change == "flip" else (chosen, rejected)
        duplicates += sides in seen
        contradictions += sides not in seen and sides[::-1] in seen
        seen.add(sides)
    return Counts(pairs, included, counts, duplicates, contradictions)
