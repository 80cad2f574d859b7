"""What was left out, in words."""

from __future__ import annotations

from engine.results.left_out import no_scores, rewrites, sample
from engine.results.records import DroppedFeature
from tests import records
from tests.tui.fake_study import METRICS


def test_a_sample_is_named_as_one() -> None:
    assert sample(150, 2308) == "150 pairs, a sample of 2,308"
    assert sample(150, 150) == sample(150, 0) == "150 pairs", "0: not known"


def test_rewrites_that_no_score_counts_are_counted() -> None:
    assert rewrites(34, 21) == "34 rewritten pairs, of which 13 are left out"
    assert rewrites(34, 34) == "34 rewritten pairs"


def test_no_score_has_a_reason_and_nothing_rewritten_is_said() -> None:
    dropped = (
        DroppedFeature("robustness", "*", "*", "*", "low_cosine", "13 of 34 rewrites below 0.9"),
        DroppedFeature("robustness", "*", "*", "*", "no_events", "no pair became misaligned"),
    )
    tables = records.with_rows(METRICS.tables, robustness=(), dropped=dropped)
    why = no_scores(tables, "pair-fe", 34, 21)
    assert why.startswith("no score from 34 rewritten pairs, of which 13 are left out: ")
    assert no_scores(tables, "pair-fe", 0, 0) == "no pairs were rewritten"
