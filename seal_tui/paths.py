"""Where the client keeps files of its own."""

from __future__ import annotations

import os
from pathlib import Path


def state_dir() -> Path:
    """A private folder for logs. `XDG_STATE_HOME` moves it."""
    base = os.environ.get("XDG_STATE_HOME")
    folder = (Path(base) if base else Path.home() / ".local" / "state") / "seal-tui"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def crash_log() -> Path:
    return state_dir() / "crash.log"
