"""The Python API, through a real engine process on recorded results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine
from engine.errors import BadInput, NotFound
from engine.results.tables import TABLES
from tests.engine.conftest import _short_sockets
from tests.export.conftest import PAIRS, read, recorded_run
from tests.export.conftest import run as run_folder

__all__ = ["_short_sockets", "recorded_run", "run_folder"]


@pytest.fixture
def run(run_folder: Path) -> Iterator[engine.Run]:
    with engine.open(run_folder, author="kim") as opened:
        yield opened


def test_opening_a_run_costs_no_heavy_import() -> None:
    code = "import sys, engine; engine.open; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    tops = {name.partition(".")[0] for name in done.stdout.split()}
    assert not tops & {"pandas", "numpy", "torch", "duckdb", "textual", "seal_tui", "pyarrow"}


def test_a_folder_that_is_no_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a run folder"):
        engine.open(tmp_path)


def test_every_table_is_a_frame_with_the_columns_of_the_command_line(
    run: engine.Run, run_folder: Path
) -> None:
    command = [sys.executable, "-m", "seal_tui", "metrics", str(run_folder), "--json"]
    printed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert set(run.tables) == set(printed) == set(TABLES)
    for name in run.tables:
        frame = run.table(name)
        assert len(frame) == len(printed[name])
        if printed[name]:
            assert list(frame.columns) == list(printed[name][0])
            first = frame.to_dict("records")[0]
            assert {key: first[key] for key in ("n",) if key in first} == {
                key: printed[name][0][key] for key in ("n",) if key in first
            }


def test_a_table_of_one_preset_has_that_presets_rows(run: engine.Run) -> None:
    frame = run.table("imprint", preset="pooled-clustered")
    assert set(frame["preset"]) == {"pooled-clustered"}
    with pytest.raises(BadInput, match=r"no metric table named 'imprints'.*imprint"):
        run.table("imprints")
    with pytest.raises(NotFound, match="pair-f"):
        run.table("imprint", preset="pair-f")


def test_pairs_are_those_of_the_filter_in_the_order_asked_for(run: engine.Run) -> None:
    assert len(run.pairs()) == PAIRS
    resisted = run.pairs("regime:resisted", sort="margin_post")
    assert 0 < len(resisted) < PAIRS
    assert set(resisted["regime"]) == {"resisted"}
    assert resisted["margin_post"].is_monotonic_increasing
    nothing = run.pairs("regime:resisted margin>1000")
    assert nothing.empty
    assert list(nothing.columns) == list(resisted.columns)
    with pytest.raises(BadInput, match="regim"):
        run.pairs("regim:resisted")


def test_pairs_have_what_the_data_says(run: engine.Run) -> None:
    pairs = run.pairs(sort="pair_id")
    split = run.pairs("votes:split")
    assert 0 < len(split) < PAIRS
    assert ((split["votes_chosen"] > 0) & (split["votes_rejected"] + split["votes_tied"] > 0)).all()
    assert pairs["votes_chosen"].isna().sum() == len(run.pairs("votes:none")) > 0
    assert pairs["group"].value_counts().to_dict() == {0.0: 4, 1.0: 4}
    assert set(pairs["model_chosen"].dropna()) == {"atlas-7b", "birch-2", "cedar"}


def test_a_pair_and_a_rewrite_come_whole(run: engine.Run) -> None:
    pair = run.pair(run.pairs().index[0])
    assert pair.row.pair_id == run.pairs().index[0]
    assert pair.chosen.response
    assert pair.chosen.turns[-1].text.strip() == pair.chosen.response.strip()
    rewrite = run.rewrite(run.rewrites().index[0])
    assert rewrite.chosen.original != rewrite.chosen.rewritten
    with pytest.raises(NotFound, match="999"):
        run.pair(999)


def test_decisions_are_the_authors_and_can_be_undone(run: engine.Run, run_folder: Path) -> None:
    ids = run.pairs("regime:resisted").index[:2]
    run.decide(ids, "flip", note="labels swapped", add_tags=["noise"])
    decided = run.pairs().loc[ids]
    assert list(decided["verdict"]) == ["flip", "flip"]
    assert list(decided["note"]) == ["labels swapped"] * 2
    assert list(decided["tags"]) == [("noise",)] * 2
    with engine.open(run_folder, author="ann") as other:
        assert other.pairs().loc[ids, "verdict"].isna().all()
        assert [mark.author for mark in other.pair(int(ids[0])).marks] == ["kim"]
    run.undo()
    assert run.pairs().loc[ids, "verdict"].isna().all()
    run.redo()
    run.decide(int(ids[0]), "")
    assert list(run.pairs().loc[ids, "verdict"].fillna("")) == ["", "flip"]


def test_an_export_is_there_when_the_call_returns(
    run: engine.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run.decide(run.pairs().index[:1], "drop")
    status = run.export("fixed.jsonl")
    assert (status.state, status.done) == ("done", PAIRS - 1)
    assert len(read(tmp_path / "fixed.jsonl")) == PAIRS - 1
    with pytest.raises(BadInput, match="exists"):
        run.export("fixed.jsonl")
    assert run.export("fixed.jsonl", where="regime:stayed", overwrite=True).done < PAIRS
    with pytest.raises(BadInput, match=r"fixed\.xml"):
        run.export("fixed.xml")
    assert os.listdir(tmp_path / "run")


def test_the_state_of_the_run_is_told(run: engine.Run) -> None:
    assert run.status().state == "done"
    assert run.wait().state == "done"
    assert run.study().pairs == PAIRS


def test_without_a_name_decisions_are_signed_as_in_the_explorer(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    settings = tmp_path / "seal-tui" / "config.toml"
    settings.parent.mkdir()
    settings.write_text('author = "lee"\n')
    with engine.open(run_folder) as run:
        assert run.author == "lee"
        settings.unlink()
    with engine.open(run_folder) as run:
        assert run.author not in ("", "lee")
