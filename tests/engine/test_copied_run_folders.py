"""A run folder that was copied: everything but a run needs the folder alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from engine import study as studies
from engine.executors.workers import Workers
from engine.service import Engine
from engine.store import results
from engine.wire.messages import (
    ExportRequest,
    MarkChange,
    MarkRequest,
    PairDetail,
    PairQuery,
    UndoRequest,
)
from tests.engine.studies import manifest, run_to_end, until
from tests.tui import recorded


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished run that was moved away from where it was made, its data gone; and what its
    engine said of it there."""
    original = tmp_path_factory.mktemp("original")
    run = recorded.build(original)
    engine = Engine(run)
    said = answers(engine)
    mark(engine, 0, "flip")
    engine.close()
    moved = tmp_path_factory.mktemp("elsewhere") / "copied"
    shutil.copytree(run, moved)
    shutil.rmtree(original)
    return moved, said


@pytest.fixture
def copied(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / "again"))


def mark(engine: Engine, pair: int, verdict: Any) -> None:
    change = MarkChange(verdict=verdict)
    engine.mark(MarkRequest(pair_ids=(pair,), author="ada", change=change))


def timeless(pair: PairDetail) -> PairDetail:
    """A pair without how many decisions there were about any when it was read."""
    return structs.replace(pair, row=structs.replace(pair.row, revision=0))


def answers(engine: Engine) -> dict[str, Any]:
    browser = engine.browser()
    ids = browser.pair_ids(PairQuery(sort="pair_id")).ids
    return {
        "metrics": engine.metrics(),
        "pairs": [timeless(browser.pair(i)) for i in ids],
        "study": engine.info(),
        "plots": engine.plots(),
        "subject": engine._subject().digests,
    }


@pytest.fixture
def opened(copied: Path) -> Iterator[Engine]:
    engine = Engine(copied)
    yield engine
    engine.close()


def test_a_copy_says_what_the_original_said(
    opened: Engine, made: tuple[Path, dict[str, Any]]
) -> None:
    said = made[1]
    assert opened.status().state == "done"
    assert opened.status().run_dir == str(opened.folder)
    assert not opened.info().changed
    found = answers(opened)
    assert found["pairs"][1:] == said["pairs"][1:], "the first was decided since"
    for name in ("metrics", "study", "plots", "subject"):
        assert found[name] == said[name], name


def test_triage_goes_on_in_a_copy(opened: Engine) -> None:
    mark(opened, 1, "drop")
    assert opened.undo(UndoRequest(author="ada")).changed == 1
    assert opened.undo(UndoRequest(author="ada")).changed == 1, "what was done in the original"


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.html", "ledger.jsonl"])
def test_a_copy_is_exported(name: str, opened: Engine, tmp_path: Path) -> None:
    forms = {"a.jsonl": "trl", "a.csv": "csv", "a.html": "report", "ledger.jsonl": "ledger"}
    request = ExportRequest(format=forms[name], path=str(tmp_path / name), author="ada")  # type: ignore[arg-type]
    opened.export(request)
    until(lambda: not opened.exports.running, "the export ends")
    assert opened.exports.status().state == "done", opened.exports.status().error


def change(run: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    study = json.loads((run / "study.json").read_text())
    edit(study)
    (run / "study.json").write_text(json.dumps(study))


def test_a_copy_is_measured_in_another_way(copied: Path) -> None:
    change(copied, lambda study: study["measures"].update(preset="pooled-clustered"))
    engine = Engine(copied)
    try:
        assert engine.metrics().preset == "pooled-clustered"
        assert not engine.info().changed
    finally:
        engine.close()
    assert manifest(copied)["study"]["measures"]["preset"] == "pooled-clustered"


def test_a_study_of_other_files_leaves_a_copy_as_it_is(
    copied: Path, made: tuple[Path, dict[str, Any]]
) -> None:
    """As after `seal-tui run STUDY.toml` on another host that failed at its first stage."""
    change(copied, lambda study: study["data"].update(path="/data/others/pairs.jsonl"))
    engine = Engine(copied)
    try:
        assert engine.info().changed
        assert engine.metrics() == made[1]["metrics"]
    finally:
        engine.close()


def test_only_a_run_needs_the_data_and_says_which(copied: Path) -> None:
    status = run_to_end(copied)
    assert status.state == "failed"
    assert "pairs.jsonl" in str(status.error)
    engine = Engine(copied)
    try:
        assert engine.browser().pair(0).row.pair_id == 0, "the last results are still there"
        assert not engine.info().changed
    finally:
        engine.close()


def test_the_digest_of_a_study_knows_no_folder(copied: Path) -> None:
    text = (copied / "study.json").read_bytes()
    study = studies.loads_resolved(text)
    path = Path(study.data.path or "").parent
    moved = studies.loads_resolved(text.replace(str(path).encode(), b"/another/place"))
    assert moved != study
    assert studies.digest(moved) == studies.digest(study)


def test_a_copied_run_is_resumed_by_the_same_models(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its post-D model was trained into the original, and is found in the copy by what it is."""
    monkeypatch.setattr(Workers, "run", lambda *_: pytest.fail("something is computed again"))
    engine = Engine(finished)
    before = results.roles(engine.store)
    models = engine.store.read("SELECT model FROM producers").fetchall()
    assert not [model for (model,) in models if Path(model).is_absolute()]
    engine.close()
    status = run_to_end(finished)
    assert status.state == "done", status.error
    engine = Engine(finished)
    assert results.roles(engine.store) == before
    engine.close()
