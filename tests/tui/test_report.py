"""What `seal-tui metrics` prints: every table, with a summary in a sentence."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace as replace_fields

from engine.paper import selftest
from engine.paper.inputs import Options
from engine.paper.measures import compute
from engine.results import flat
from engine.results.choices import PRESETS
from engine.results.records import Tables
from engine.wire.messages import FeatureInfo, Metrics, RunStatus, StudyInfo
from seal_tui.cli import report
from seal_tui.text import numbers
from tests import records
from tests.tui import fake_study
from tests.tui.fake_engine import FakeEngine


@cache
def planted() -> Tables:
    """The tables of a planted study with three labelers and two strategies."""
    rng = np.random.default_rng(3)
    pairs = selftest.plant_pairs(rng, 600)
    rewrites = selftest.plant_rewrites(rng, pairs)
    strategy = np.where(np.arange(600) % 2 == 0, "neutral", "placebo")
    truth, careless = selftest.plant_labelers(rng, pairs)
    third = replace(careless, name="third", labels=careless.labels)
    labelers = (truth, careless, third)
    found = compute(pairs, replace(rewrites, strategy=strategy), labelers, Options(bootstrap=30))
    return msgspec.json.decode(msgspec.json.encode(found), type=Tables)


def printed(tables: Tables, preset: str = "pair-fe", study: StudyInfo = fake_study.STUDY) -> list:
    status: RunStatus = FakeEngine().status()
    return list(report.lines(Metrics(preset=preset, tables=tables), study, status))


def blocks(lines: list[str]) -> dict[str, list[str]]:
    """Title → the lines below it."""
    found: dict[str, list[str]] = {}
    for before, line in zip([None, *lines], lines, strict=False):
        if before == "":
            found[line] = []
        elif found:
            found[next(reversed(found))].append(line)
    return found


TITLES = (
    "Alignment with the human preference",
    "Pairs by regime",
    "By the labeler's preference",
    "Reward shifts",
    "Imprint before training on D (pair-fe)",
    "Imprint after training on D (pair-fe)",
    "Imprint of the training",
    "Imprint on the shift",
    "Features that go with misalignment",
    "Robustness π: all rewritten pairs, every strategy",
    "Robustness π: all rewritten pairs, strategy neutral",
    "Robustness π: pairs aligned before rewriting, strategy placebo",
    "Resistance before and after rewriting",
    "Robustness against drift",
    "Resistance by ambiguity",
    "Agreement of truth and careless (Cohen's κ)",
    "Agreement of all 3 labelers (Fleiss' κ)",
    "Imprint under the labels of truth and of careless: post-D",
    "Tests",
)


@pytest.mark.parametrize("title", TITLES)
def test_every_table_is_printed_with_a_sentence_that_reads_it(title: str) -> None:
    (below,) = (b for name, b in blocks(printed(planted())).items() if name.startswith(title))
    reading, head, *rows = (line for line in below if line)
    assert reading.startswith("  ")
    assert reading.rstrip().endswith(".")
    assert len(reading.split()) > 8
    assert len(rows) >= 2
    assert len(head.split("  ")) > 2


@pytest.mark.parametrize("preset", PRESETS)
def test_the_coefficients_are_those_of_the_preset_asked_for(preset: str) -> None:
    found = blocks(printed(planted(), preset))
    rows = [r for r in planted().imprint if (r.preset, r.outcome) == (preset, "post")]
    block = found[f"Imprint after training on D ({preset})"]
    for row in rows:
        (line,) = (x for x in block if x.split()[:1] == [row.feature])
        assert str(numbers.signed(row.coefficient.estimate)) in line
        assert str(numbers.number(row.coefficient.mde)) in line


def test_a_study_without_rewrites_and_labelers_prints_what_it_has() -> None:
    rng = np.random.default_rng(1)
    pairs = selftest.plant_pairs(rng, 60)
    found = blocks(printed(compute(pairs, None, (), Options())))
    assert not [title for title in found if title.startswith(("Robustness", "Agreement"))]
    assert found["Left out of the tables"]
    assert printed(records.none())  # even nothing at all is no fault


def test_contrary_findings_are_marked() -> None:
    first, *others = planted().stability_imprint
    first = replace_fields(first, differs=True, sign_change=True, sign_change_clear=True)
    found = blocks(printed(records.with_rows(planted(), stability_imprint=(first, *others))))
    title = "Imprint under the labels of truth and of careless: pre-D (pair-fe)"
    assert found[title][2].split()[-1] == "contrary"
    assert "1 of them with both estimates significant" in found[title][0]


HOSTILE = ("feature", "strategy", "group", "labeler_b")


def test_hostile_names_are_shown_harmlessly() -> None:
    evil = "a\x1b]52;c;eA==\x07[red]\u202e\nb"
    tables = flat.tables(planted())
    for rows in tables.values():
        for row in rows:
            for key in (
                "feature",
                "strategy",
                "group",
                "detail",
                "reason",
                "side",
                "model",
                "labeler_b",
            ):
                if isinstance(row.get(key), str):
                    row[key] = evil
    study = msgspec.structs.replace(
        fake_study.STUDY,
        name=evil,
        features=(FeatureInfo(name=evil, kind="bool", role="target", regress=True, question=evil),),
    )
    text = "\n".join(printed(flat.read(tables), study=study))
    assert "a␛]52;c;eA==␇[red]⟨U+202E⟩ ⏎ b" in text
    assert not any((ord(c) < 32 and c != "\n") or c == "\u202e" for c in text)


@pytest.mark.parametrize(
    ("p", "log10_p", "shown"),
    [
        (0.041, -1.387, "0.041"),
        (1.0, 0.0, "1.000"),
        (2e-53, -52.7, "2e−53"),
        (0.0, -4000.3, "5e−4001"),
        (0.0, -40.001, "1e−40"),
        (0.0, None, "<0.001"),
        (None, None, "–"),
    ],
)
def test_a_p_value_too_small_for_a_double_is_shown_by_its_power(
    p: float | None, log10_p: float | None, shown: str
) -> None:
    assert numbers.power(p, log10_p) == shown
