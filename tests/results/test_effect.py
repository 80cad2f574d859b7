"""Which number is the effect: one rule, and everywhere the same number, interval and unit."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from engine.export import blocks, report
from engine.export.provenance import Digests, of
from engine.results import names, views
from engine.results.effect import DEGREES, PERCENTAGE_POINTS, REWARD_POINTS, effect
from engine.results.records import (
    DriftRow,
    ImprintRow,
    MisalignmentRow,
    RobustnessRow,
    ShiftImprintRow,
    StabilityImprintRow,
)
from engine.wire.client import EngineClient
from engine.wire.messages import ExportPreview, ExportRequest, Metrics
from seal_tui.cli import report as plain
from seal_tui.cli import summary
from seal_tui.explorer.session import Session
from seal_tui.text.results import sentence
from tests.records import row, tables
from tests.tui import fake_study
from tests.tui.fake_engine import FakeEngine

LOGISTIC = {"estimate": 0.8, "ci_low": 0.1, "ci_high": 1.5, "scale": "log_odds"}


def test_a_logistic_coefficient_is_shown_as_its_effect_on_the_probability() -> None:
    found = effect(row(MisalignmentRow, **LOGISTIC, ame=0.05, ame_se=0.01, odds_ratio=2.2, mde=1.0))
    assert (found.value, found.odds_ratio, found.unit) == (0.05, 2.2, PERCENTAGE_POINTS)
    assert found.low == pytest.approx(0.0304, abs=1e-4)
    assert found.high == pytest.approx(0.0696, abs=1e-4)
    assert found.mde is None  # known in log odds only
    assert (found.text(), found.interval(), found.half()) == ("+5.0", "3.0 to 7.0", "2.0")


def test_without_that_effect_nothing_is_claimed() -> None:
    found = effect(row(RobustnessRow, **LOGISTIC))
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.text() == "–"


def test_a_linear_coefficient_is_the_effect_itself() -> None:
    found = effect(row(RobustnessRow, estimate=0.8, ci_low=0.7, scale="risk_difference"))
    assert (found.value, found.low, found.unit) == (0.8, 0.7, PERCENTAGE_POINTS)


def test_every_table_has_its_unit() -> None:
    assert effect(row(ImprintRow)).unit == REWARD_POINTS
    assert effect(row(ShiftImprintRow)).unit == DEGREES
    assert effect(row(DriftRow, estimate=0.1)).text() == "+10.0"


@pytest.mark.parametrize(
    ("given", "significant"),
    [
        ({"p_value": 0.01, "p_adjusted": 0.2}, False),
        ({"p_value": 0.01, "p_adjusted": 0.049}, True),
        ({"p_value": 0.01}, True),
        ({"p_value": 0.0, "p_adjusted": 0.0}, True),  # too small for a double
        ({"p_adjusted": 0.05}, False),
        ({"ci_low": 0.1, "ci_high": 0.2}, True),
        ({"ci_low": -0.1, "ci_high": 0.2}, False),
        ({}, False),
    ],
)
def test_significant_is_said_of_the_adjusted_p(given: dict, significant: bool) -> None:
    assert effect(row(ImprintRow, estimate=1.0, **given)).significant is significant


def test_two_labelers_differ_significantly_where_the_interval_excludes_zero() -> None:
    found = effect(row(StabilityImprintRow, difference=1, difference_low=0.1, difference_high=2))
    assert found.significant


# ---------------------------------------------------------------- the same everywhere

SCORE = {
    "preset": "pair-fe",
    "population": "all",
    "strategy": "all",
    "scale": "log_odds",
    "feature": "last_response_is_eloquent",
    "side": "chosen",
    "sign": "+",
    "estimate": -1.25,
    "ci_low": -2.0,
    "ci_high": -0.5,
    "p_value": 0.004,
    "p_adjusted": 0.04,
    "ame": -0.123,
    "ame_se": 0.02,
    "ame_low": -0.162,
    "ame_high": -0.084,
    "events": 3,
    "n": 40,
}
ALONE = SCORE | {"strategy": "neutral", "ame": -0.777, "ame_low": -0.8, "ame_high": -0.7}
METRICS = Metrics(
    preset="pair-fe",
    tables=tables(
        robustness=[SCORE, ALONE, SCORE | {"population": "aligned", "ame": 0.555}],
        imprint=[
            {"outcome": outcome, "preset": "pair-fe", "feature": "last_response_is_eloquent"}
            | {"estimate": 1.504, "ci_low": 1.25, "ci_high": 1.75, "p_adjusted": 0.01}
            for outcome in ("pre", "post", "difference")
        ],
    ),
)
CHANGE = "chosen loses “eloquent”"


def reports() -> list[str]:
    """The report as Markdown and as a page, without their markup."""
    request = ExportRequest(format="report", path="x")
    counts = ExportPreview(pairs=1, rows=0, counts={})
    found = of(request, counts, "s", Digests(study="", dataset="", metrics=""))
    made = report.blocks(fake_study.STUDY, METRICS, (), (), found)
    page = unescape(re.sub(r"<[^>]+>", " ", blocks.page("s", made)))
    return [blocks.markdown(made), page]


def everywhere() -> list[str]:
    status = FakeEngine().status()
    session = Session(EngineClient(lambda: httpx.AsyncHTTPTransport()))
    (score,) = views.scores(METRICS.tables, "pair-fe")
    return [
        "\n".join(plain.lines(METRICS, fake_study.STUDY, status)),
        "\n".join(summary.lines(METRICS, fake_study.STUDY, status)),
        *reports(),
        sentence("robustness", score, session.kind),
    ]


def test_every_place_shows_the_same_robustness_score() -> None:
    for text in everywhere()[:-1]:
        assert "−12.3" in text
        assert "−16.2 to −8.4" in text
        assert "−1.25" not in text  # raw log odds
    assert "12.3 percentage points less often (95 % interval −16.2 to −8.4" in everywhere()[-1]


def test_a_report_does_not_mix_strategies_or_units() -> None:
    for text in reports():
        assert CHANGE in text
        assert "77.7" not in text and "55.5" not in text
        assert "log odds" not in text
        assert "in percentage points" in text


def test_every_place_shows_the_same_imprint() -> None:
    for text in everywhere()[:-1]:
        assert "+1.50" in text
        assert "1.25 to 1.75" in text


def test_the_only_strategy_counts_as_all_of_them() -> None:
    found = tables(robustness=[ALONE])
    assert len(views.scores(found, "pair-fe")) == 1


def test_scores_are_those_of_all_pairs_and_all_strategies() -> None:
    rows = views.scores(fake_study.METRICS.tables, "pair-fe")
    assert [effect(one).value for one in rows] == [0.117, 0.098, 0.041, -0.012]
    assert [one.sign for one in rows] == ["+", "-", "+", "-"]


def test_rows_of_another_preset_do_not_count() -> None:
    found = fake_study.METRICS.tables
    assert views.sides(found, "shift_imprint", "released-code") == []
    assert len(views.imprints(found, "released-code")) == 7


def test_pairs_without_labels_count_too() -> None:
    assert sum(views.regimes(fake_study.METRICS.tables).values()) == 2317


def test_what_is_left_out_has_its_reason() -> None:
    kept_out = [info.name for info in fake_study.STUDY.features if not info.regress]
    found = views.dropped(fake_study.METRICS.tables, "imprint", "pair-fe", kept_out)
    assert {(line.feature, names.reason(line.reason)) for line in found} == {
        ("human_vocabulary_quality", "too rare"),
        ("*", "unlabeled pairs"),
        ("assistant_is_coherent", "kept out by the taxonomy"),
    }


def test_a_drift_curve_goes_from_all_rewrites_to_the_closest() -> None:
    curve = views.curves(fake_study.METRICS.tables)[0]
    assert (curve.feature, curve.side, curve.sign) == ("last_response_sentiment", "chosen", "+")
    assert [point.threshold for point in curve.points] == [0.0, 0.8, 0.9]
    assert [point.rewrites for point in curve.points] == [60, 44, 31]
    assert effect(curve.points[0]).value == pytest.approx(0.117)
