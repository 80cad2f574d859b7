"""What the preview counts as duplicates and contradictions, and the filter that finds them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.data.reviewed import Decision
from engine.export.decisions import Counts, count
from engine.wire.messages import ExportRequest, PairQuery, Verdict

from .conftest import decide
from .runs import run_on

REQUEST = ExportRequest(path="x")


def counted(*pairs: tuple[int, int, Verdict | None]) -> Counts:
    decisions = [
        Decision(number, one, other, verdict, False, False, False)
        for number, (one, other, verdict) in enumerate(pairs)
    ]
    return count(decisions, REQUEST)


@pytest.mark.parametrize(
    ("pairs", "duplicates", "contradictions"),
    [
        (((1, 2, None), (3, 4, None)), 0, 0),
        (((1, 2, None), (1, 2, "keep"), (1, 3, None)), 2, 0),
        (((1, 2, None), (2, 1, None)), 0, 2),
        (((1, 2, None), (2, 1, "flip")), 2, 0),
        (((1, 2, None), (1, 2, "flip")), 0, 2),
        (((1, 2, None), (1, 2, "drop")), 0, 0),
        (((1, 1, None),), 1, 0),
        (((1, 2, None), (1, 2, None), (2, 1, None)), 0, 3),
    ],
)
def test_pairs_that_repeat_are_counted(
    pairs: tuple[tuple[int, int, Verdict | None], ...], duplicates: int, contradictions: int
) -> None:
    counts = counted(*pairs)
    assert (counts.duplicates, counts.contradictions) == (duplicates, contradictions)


def test_the_filter_finds_the_pairs_that_the_preview_counts(tmp_path: Path) -> None:
    answers = [("a", "b"), ("b", "a"), ("a", "b"), ("c", "c"), ("a", "c"), ("d", "e"), ("d", "f")]
    rows = [
        {"prompt": "Pick a letter.", "chosen": f"Take {one}.", "rejected": f"Take {other}."}
        for one, other in answers
    ]
    data = tmp_path / "in.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    engine = run_on(tmp_path, data)
    try:
        for _ in range(2):
            found = engine.pairs(PairQuery(filter="is:duplicate", sort="pair_id")).ids
            assert found == (0, 1, 2, 3)
            request = ExportRequest(path="a.jsonl", format="trl", author="kim")
            counts = engine.preview_export(request).counts
            assert counts["duplicates"] + counts["contradictions"] == len(found)
            decide(engine, (1, 4), verdict="flip")
    finally:
        engine.close()
