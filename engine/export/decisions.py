"""A pair with its review decision, and the effect of the decision on an export."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
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
            return pair.flipped()
        case "omit":
            return None
        case _:
            return pair


class Counts(NamedTuple):
    """Of the pairs to export: how many there are, how many remain once decisions are applied, and
    how many have each decision. `further` are other counts to show, by what they count; `digest`
    is that of the decisions in effect."""

    pairs: int
    included: int
    decisions: dict[str, int]
    duplicates: int
    contradictions: int
    further: dict[str, int]
    digest: str


_NONE: Mapping[int, str] = {}


def count(
    decisions: Sequence[Decision], request: ExportRequest, left_out: Mapping[int, str] = _NONE
) -> Counts:
    """The number of pairs and decisions in an export.

    `left_out` says of pairs that the format cannot hold why; they are counted by reason.
    """
    counts = dict.fromkeys(("keep", "flip", "drop", "tie", "discuss", "undecided", "flagged"), 0)
    further: Counter[str] = Counter()
    included: list[tuple[int, int]] = []
    digest = hashlib.sha256()
    for pair in decisions:
        counts[pair.verdict or "undecided"] += 1
        counts["flagged"] += pair.flagged
        change = action(pair.verdict, request)
        digest.update(f"{pair.pair_id} {change}\n".encode())
        if change == "omit":
            continue
        if (reason := left_out.get(pair.pair_id)) is not None:
            further[reason] += 1
            continue
        further["without margin"] += request.margin and not pair.has_margin
        further["without votes"] += request.soft_labels == "votes" and not pair.has_votes
        sides = pair.chosen_id, pair.rejected_id
        included.append(sides[::-1] if change == "flip" else sides)
    twins = Counter(included)
    duplicates = contradictions = 0
    for one, other in included:
        contradictory = one != other and (other, one) in twins
        contradictions += contradictory
        duplicates += not contradictory and (one == other or twins[one, other] > 1)
    return Counts(
        len(decisions),
        len(included),
        counts,
        duplicates,
        contradictions,
        {name: number for name, number in further.items() if number},
        digest.hexdigest(),
    )
