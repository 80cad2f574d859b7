"""The client's own files, in the XDG folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

from engine import xdg


def state_dir() -> Path:
    """A private folder for logs and saved places; `XDG_STATE_HOME` moves it."""
    folder = xdg.folder("XDG_STATE_HOME", ".local", "state")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def crash_log() -> Path:
    return state_dir() / "crash.log"


def place_file(run_dir: str) -> Path:
    """The saved place of this run."""
    folder = state_dir() / "places"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{hashlib.sha256(run_dir.encode()).hexdigest()[:20]}.json"


def copied_file() -> Path:
    """The last copied text; only the user can read it."""
    path = state_dir() / "copied.txt"
    path.touch(mode=0o600)
    return path
