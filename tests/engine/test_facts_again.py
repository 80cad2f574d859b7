"""Data that is read otherwise: what it says about the same pairs changes, their results stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import study as studies
from engine.run import ingest
from engine.service import Engine
from engine.wire.messages import MarkChange, MarkRequest, PairQuery
from tests.engine.studies import prepare
from tests.tui import recorded


def again(folder: Path, settings: str) -> Engine:
    """The engine of the run after another run with `settings` in place of the group's column."""
    study = folder / "study.toml"
    study.write_text(study.read_text("utf-8").replace('group = "group"\n', settings), "utf-8")
    engine = Engine(prepare(study, folder / "run"))
    engine.start()
    engine.join()
    assert engine.status().error is None
    return engine


def test_groups_and_facts_follow_the_study_and_the_decisions_stay(tmp_path: Path) -> None:
    engine = Engine(recorded.build(tmp_path))
    before = engine.metrics().tables
    assert len(engine.browser().pair_ids(PairQuery(filter="is:grouped")).ids) == 8
    engine.mark(MarkRequest(pair_ids=(3,), change=MarkChange(verdict="flip"), author="kim"))
    engine.close()
    engine = again(tmp_path, 'margin = "score_chosen"\n')
    try:
        browser, after = engine.browser(), engine.metrics().tables
        assert browser.pair_ids(PairQuery(filter="is:grouped")).ids == ()
        row = browser.pair(1, "kim").row
        assert row.margin_human == row.score_chosen == 5.5
        assert browser.pair_ids(PairQuery(filter="verdict:flip", author="kim")).ids == (3,)
        assert after.imprint == before.imprint
        grouped, alone = before.resistance_by_votes[1], after.resistance_by_votes[1]
        assert grouped.difference == alone.difference
        assert grouped.clusters < alone.clusters == alone.n_agree + alone.n_split
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("grouping", "groups"),
    [("exact", [0, 0, None]), ("near", [0, 0, 0]), ("none", [None, None, None])],
)
def test_prompts_are_grouped_as_the_study_says(
    tmp_path: Path, grouping: str, groups: list[int | None]
) -> None:
    prompts = ("Where do herons nest?", "Where do  herons nest?", "where do herons nest")
    rows = [{"prompt": prompt, "chosen": "In trees.", "rejected": "At sea."} for prompt in prompts]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    path = tmp_path / "study.toml"
    path.write_text(f'[data]\npath = "rows.jsonl"\ngroups = "{grouping}"\n', "utf-8")
    source = ingest.read(studies.load(path))
    assert source.groups == groups
    assert source.edition.endswith(grouping), "another grouping is stored anew"
