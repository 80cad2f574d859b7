"""The table that `make fault` prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = """
import pytest

@pytest.mark.fault("kills")
@pytest.mark.parametrize("n", range(3))
def test_kills(n, tally):
    tally.add(2, survived=2)

@pytest.mark.fault("leaks")
def test_leaks(tally):
    tally.add(1, refused=1, leaked={leaked})

@pytest.mark.fault("hangs")
def test_hangs(tally):
    tally.add(1, survived=1)
    assert {right}
"""


@pytest.mark.parametrize(
    ("leaked", "right", "options"), [(0, True, ["-n", "2"]), (1, True, []), (0, False, [])]
)
def test_it_counts_by_kind_and_fails_where_a_figure_must_be_0(
    leaked: int, right: bool, options: list[str], tmp_path: Path
) -> None:
    (tmp_path / "test_it.py").write_text(TESTS.format(leaked=leaked, right=right))
    root = Path(__file__).parent.parent.parent
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(root)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.tally", *options, tmp_path],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**environment, "FAULT_JSON": str(tmp_path / "found.json")},
    )
    found: dict[str, dict[str, Any]] = json.loads((tmp_path / "found.json").read_text())
    assert (found["kills"]["tried"], found["kills"]["survived"]) == (6, 6)
    assert (found["leaks"]["refused"], found["leaks"]["leaked"]) == (1, leaked)
    assert found["hangs"]["short"] == (not right)
    assert found["all"]["tried"] == 8 + (not right)
    assert (done.returncode == 0) == (right and not leaked), done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines() if "<- not 0" in line] == (
        ["leaks", "all"] if leaked else [] if right else ["hangs", "all"]
    )
