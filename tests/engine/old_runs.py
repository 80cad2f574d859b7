"""Run folders that version 0.1.0 of the program made, and what it said of them.

`tests/fixtures/runs-0.1.0.tar.xz` holds `run` (models asked, a post-D model trained, rewritten; its
weights are left out) and `recorded` (everything from files), each with the decisions of two
authors, and beside them `run.json` and `recorded.json`: every answer of that version's engine.
Both were made under /tmp/seal-0.1.0, from files that are gone.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "runs-0.1.0.tar.xz"
NAMES = ("run", "recorded")


def unpack(name: str, to: Path) -> Path:
    """A fresh copy of one of the run folders."""
    with tarfile.open(ARCHIVE) as archive:
        members = [m for m in archive.getmembers() if m.name.startswith(f"./{name}/")]
        archive.extractall(to, members, filter="data")
    return to / name


def answers(name: str) -> dict[str, Any]:
    """What version 0.1.0 answered about it."""
    with tarfile.open(ARCHIVE) as archive:
        file = archive.extractfile(f"./{name}.json")
        assert file is not None
        recorded: dict[str, Any] = json.load(file)
    for event in recorded["log"]:
        event["summary"] = event.pop("said")  # renamed in schema 4
    return recorded
