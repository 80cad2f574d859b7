"""The notebook of examples/ runs from top to bottom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.test_api import _short_sockets, recorded_run, run_folder

__all__ = ["_short_sockets", "recorded_run", "run_folder"]
NOTEBOOK = Path(__file__).parents[2] / "examples" / "run.ipynb"


def test_every_cell_runs_and_the_export_is_there(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    run_folder.rename(tmp_path / "runs" / "demo")
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
            assert cell["outputs"] == []  # what a run printed is no part of the repository
    assert (tmp_path / "pairs.jsonl").stat().st_size > 0
