"""A pair with its review decision, and the effect of the decision on an export."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from engine.data.reviewed import Decision, ReviewedPair
from engine.wire.messages import ExportFormat, ExportPreview, ExportRequest, Verdict

# Formats for trainers, which apply the decisions. The other formats only list them.
TRAINING: tuple[ExportFormat, ...] = ("trl", "trl-messages", "kto", "hub")


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


def count(decisions: Iterable[Decision], request: ExportRequest) -> ExportPreview:
    """The number of pairs, rows and decisions in an export.

    After flipping, `duplicates` are rows equal to an earlier row, and `contradictions` are rows
    equal to an earlier row with its sides swapped. Both are exported.
    """
    counts = dict.fromkeys(("keep", "flip", "drop", "tie", "discuss", "undecided", "flagged"), 0)
    pairs = rows = duplicates = contradictions = 0
    seen: set[tuple[int, int]] = set()
    for chosen, rejected, verdict, flagged in decisions:
        pairs += 1
        counts[verdict or "undecided"] += 1
        counts["flagged"] += flagged
        change = action(verdict, request)
        if change == "omit":
            continue
        rows += 1
        row = (rejected, chosen) if change == "flip" else (chosen, rejected)
        duplicates += row in seen
        contradictions += row not in seen and row[::-1] in seen
        seen.add(row)
    if request.format in TRAINING:
        counts |= {"duplicates": duplicates, "contradictions": contradictions}
        rows *= 2 if request.format == "kto" else 1
    else:
        rows = pairs if request.format == "csv" else 0
    return ExportPreview(pairs=pairs, rows=rows, counts=counts)
