"""The registry of metric tables: complete, and the same everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.paper.measures import measures
from engine.results import flat, names, reference, sentences
from engine.results.columns import fields, section
from engine.results.records import AlignmentRow, DroppedFeature, ImprintRow, RegimeRow, TestRow
from engine.results.tables import TABLES, printed, sentence
from tests.records import row, tables

METHOD = Path(__file__).parents[2] / "docs" / "method.md"


def test_every_table_has_its_row_with_its_record() -> None:
    assert {name: table.record for name, table in TABLES.items()} == flat.records()


def test_every_table_has_its_measure() -> None:
    assert [*measures(), "dropped"] == list(flat.records())


@pytest.mark.parametrize("name", TABLES)
def test_every_field_tells_what_it_holds_and_how_it_is_printed(name: str) -> None:
    for key in TABLES[name].keys:
        assert key.about is not None and key.about.meaning, key.name
    assert TABLES[name].meaning and TABLES[name].rows


@pytest.mark.parametrize("name", TABLES)
def test_a_row_in_which_nothing_was_estimated_is_printed_and_put_into_words(name: str) -> None:
    empty = row(TABLES[name].record)
    text = sentence(name, empty, names.every_bool)
    assert "None" not in text and "nan" not in text
    found = section("", "", fields(TABLES[name].record), [empty], names.every_bool)
    assert "None" not in found.rows[0]
    for part in printed(name, tables(**{name: [{}]}), "", names.every_bool):
        assert all("None" not in cell for cells in part.rows for cell in cells)


def test_a_table_without_sections_of_its_own_is_printed_field_by_field(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dataclasses import replace

    monkeypatch.setattr(
        "engine.results.tables.TABLES", {"regimes": replace(TABLES["regimes"], sections=None)}
    )
    found = tables(regimes=[{"regime": "got", "opinion": "c", "n": 1200}])
    (part,) = printed("regimes", found, "pair-fe", names.every_bool)
    assert (part.title, part.head) == ("Regimes", ("regime", "opinion", "n"))
    assert part.rows == (("got", "c", "1,200"),)


def test_the_field_list_of_the_method_is_that_of_the_records() -> None:
    text = METHOD.read_text("utf-8")
    assert reference.fields() in text, (
        "docs/method.md is out of date; `python -m engine.results.reference docs/method.md` "
        "writes the list of fields again"
    )


def test_names_from_the_data_are_visible_in_every_sentence() -> None:
    evil = "a\x1b]52;c;eA==\x07\u202eb"
    for name, table in TABLES.items():
        keys = [key.name for key in table.keys if key.type is str]
        hostile = row(table.record, **dict.fromkeys(keys, evil))
        text = sentence(name, hostile, names.every_bool)
        assert not any(ord(c) < 32 or c == "\u202e" for c in text), name


def test_significance_is_told_in_the_terms_of_the_field() -> None:
    assert sentences.significance(0.041) == "p 0.041: significant at 5 %"
    assert sentences.significance(0.05) == "p 0.050: not significant at 5 %"
    assert sentences.significance(None) == ""


def test_rows_in_words() -> None:
    def said(name: str, record: type, **given: object) -> str:
        kinds = names.kinds_of({"last_response_sentiment": "sentiment"})
        return sentence(name, row(record, **given), kinds)

    assert said("regimes", RegimeRow, regime="got", opinion="r", n=64) == (
        "64 pairs: got aligned by training, the labeler prefers the rejected answer."
    )
    assert "agrees" not in said("alignment", AlignmentRow, role="post", alignment=0.72, n=100)
    assert said(
        "imprint", ImprintRow, feature="last_response_sentiment", outcome="post", estimate=-0.5
    ) == (
        "One step of sentiment (negative, neutral, positive) subtracts 0.50 points under post-D, "
        "all other features equal."
    )
    assert said("tests", TestRow, p_value=0.2, details={"plus": 4, "minus": 3}) == (
        "4 pairs gained alignment, 3 lost some. p 0.200: not significant at 5 %."
    )
    assert said(
        "dropped", DroppedFeature, table="imprint", feature="x_y", side="*", reason="too_rare",
        detail="in 3 pairs",
    ) == "“x y” in imprint: too rare, in 3 pairs."  # fmt: skip
