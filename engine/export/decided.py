"""What is exported of a pair, and what its verdict means for each form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from engine.wire.messages import ExportRequest, Verdict


class Decided(NamedTuple):
    """A pair as the human chose, with one author's mark. `chosen`, `rejected`: transcripts.

    Margins are raw logits, angles degrees.
    """

    pair_id: int
    source_id: str
    topic: str | None
    chosen: str
    rejected: str
    regime: str
    opinion: str
    margin_pre: float
    margin_post: float
    theta: float | None
    gain: float | None
    ambiguity: float | None
    verdict: Verdict | None
    flagged: bool
    note: str
    tags: tuple[str, ...]


class Decision(NamedTuple):
    """A pair without its texts; equal texts have equal ids."""

    chosen_id: int
    rejected_id: int
    verdict: Verdict | None
    flagged: bool


def outcome(verdict: Verdict | None, request: ExportRequest) -> Literal["kept", "flipped", "out"]:
    """What becomes of a pair in a training form. An undecided one stays as the human chose."""
    match verdict:
        case "flip":
            return "flipped"
        case "drop":
            return "out"
        case "tie":
            return "kept" if request.ties == "keep" else "out"
        case "discuss":
            return "kept" if request.discuss == "keep" else "out"
        case _:
            return "kept"


def carried_out(pair: Decided, request: ExportRequest) -> Decided | None:
    """The pair with its sides as decided, None where it is left out."""
    match outcome(pair.verdict, request):
        case "flipped":
            return pair._replace(chosen=pair.rejected, rejected=pair.chosen)
        case "out":
            return None
        case _:
            return pair


class Counts(NamedTuple):
    """Of the pairs of an export: how many there are, how many stay where decisions are carried
    out, and how many have each decision."""

    pairs: int
    included: int
    decisions: dict[str, int]
    duplicates: int
    contradictions: int


def count(decisions: Iterable[Decision], request: ExportRequest) -> Counts:
    """What carrying out these decisions comes to.

    `duplicates` are pairs that are the same as an earlier one once flips are swapped,
    `contradictions` pairs that are an earlier one with the sides swapped. Both are included.
    """
    counts = dict.fromkeys(("keep", "flip", "drop", "tie", "discuss", "undecided", "flagged"), 0)
    pairs = included = duplicates = contradictions = 0
    seen: set[tuple[int, int]] = set()
    for chosen, rejected, verdict, flagged in decisions:
        pairs += 1
        counts[verdict or "undecided"] += 1
        counts["flagged"] += flagged
        became = outcome(verdict, request)
        if became == "out":
            continue
        included += 1
        row = (rejected, chosen) if became == "flipped" else (chosen, rejected)
        duplicates += row in seen
        contradictions += row not in seen and row[::-1] in seen
        seen.add(row)
    return Counts(pairs, included, counts, duplicates, contradictions)
