"""Reading the metric tables: which rows count, and what their numbers are."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from seal_tui.text.tables import Estimate, Tables

from engine.wire.client import EngineClient
from engine.wire.messages import Metrics
from seal_tui.explorer.session import Session
from seal_tui.text import readings

from .fake_study import METRICS, STUDY


def tables(**found: list[dict[str, Any]]) -> Tables:
    return Tables(Metrics(preset="pair-fe", tables=found))


def test_a_logistic_coefficient_is_shown_as_its_effect_on_the_chance() -> None:
    record = {"estimate": 0.8, "ci_low": 0.1, "ci_high": 1.5, "scale": "log_odds"}
    effect = Estimate.of_chance(record | {"ame": 0.05, "ame_se": 0.01, "odds_ratio": 2.2})
    assert effect.estimate == 0.05 and effect.odds_ratio == 2.2
    assert effect.low == pytest.approx(0.0304, abs=1e-4)
    assert effect.high == pytest.approx(0.0696, abs=1e-4)


def test_without_that_effect_nothing_is_claimed() -> None:
    effect = Estimate.of_chance({"estimate": 0.8, "scale": "log_odds", "ame": None})
    assert (effect.estimate, effect.low, effect.high) == (None, None, None)


def test_a_linear_coefficient_is_the_effect_itself() -> None:
    record = {"estimate": 0.8, "scale": "risk_difference", "ame": None}
    assert Estimate.of_chance(record).estimate == 0.8


def test_scores_are_those_of_all_pairs_and_all_strategies() -> None:
    scores = Tables(METRICS).sides("robustness", "pair-fe")
    assert [line.estimate.estimate for line in scores] == [0.117, 0.098, 0.041, -0.012]
    assert [line.sign for line in scores] == ["+", "−", "+", "−"]


def test_the_only_strategy_counts_as_all_of_them() -> None:
    row: dict[str, Any] = {"preset": "pair-fe", "feature": "x", "side": "chosen", "sign": "+"}
    row |= {"strategy": "neutral", "population": "all", "estimate": 0.1}
    assert len(tables(robustness=[row]).sides("robustness", "pair-fe")) == 1


def test_rows_of_another_preset_do_not_count() -> None:
    found = Tables(METRICS)
    assert found.sides("shift_imprint", "released-code") == []
    assert len(found.imprint("released-code")) == 7


def test_pairs_without_labels_count_too() -> None:
    assert sum(Tables(METRICS).regimes().values()) == 2317


def test_what_is_left_out_has_its_reason() -> None:
    found = Tables(METRICS).dropped("imprint", "pair-fe", STUDY)
    assert {(line.feature, line.reason) for line in found} == {
        ("human_vocabulary_quality", "too rare"),
        ("*", "unlabeled pairs"),
        ("assistant_is_coherent", "kept out by the taxonomy"),
    }


def test_a_table_that_is_missing_or_holds_nonsense_is_no_crash() -> None:
    odd = tables(
        imprint=[{"feature": 3, "estimate": "x", "ci_low": float("nan"), "vif": True}],
        alignment=[{}],
        regimes=[{"regime": "sideways", "n": 3}, {"regime": "got"}],
        robustness=[{}],
    )
    (line,) = odd.imprint("pair-fe")
    assert line.feature == "3" and line.post.estimate is None
    assert odd.alignment()[0].alignment is None
    assert sum(odd.regimes().values()) == 0
    assert odd.sides("robustness", "pair-fe")[0].estimate.estimate is None


@pytest.mark.parametrize("name", readings.TABLES)
def test_a_record_without_its_fields_is_read_out_without_a_crash(name: str) -> None:
    session = Session(EngineClient(lambda: httpx.AsyncHTTPTransport()))
    for record in ({}, {"details": "x", "feature": 3, "p_value": "low", "estimate": None}):
        assert isinstance(readings.record(name, record, session), str)


def test_every_table_of_the_engine_has_words() -> None:
    known = {name for name in METRICS.tables if name != "of a later engine"}
    assert known <= set(readings.TABLES)


def test_a_drift_curve_goes_from_all_rewrites_to_the_closest() -> None:
    curve = Tables(METRICS).drift()[0]
    assert (curve.feature, curve.side, curve.sign) == ("last_response_sentiment", "chosen", "+")
    assert [at for at, _ in curve.points] == [0.0, 0.8, 0.9]
    assert curve.rewrites == (60, 44, 31)
    assert curve.points[0][1].estimate == pytest.approx(0.117)
