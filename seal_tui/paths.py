"""Where the client keeps files of its own, under the XDG folders."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def _folder(variable: str, *default: str) -> Path:
    base = os.environ.get(variable)
    # A relative path in these variables is to be ignored, says the XDG specification.
    root = Path(base) if base and Path(base).is_absolute() else Path.home().joinpath(*default)
    return root / "seal-tui"


def state_dir() -> Path:
    """A private folder for logs and for where a person was. `XDG_STATE_HOME` moves it."""
    folder = _folder("XDG_STATE_HOME", ".local", "state")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def crash_log() -> Path:
    return state_dir() / "crash.log"


def config_file() -> Path:
    """The person's settings; it need not exist. `XDG_CONFIG_HOME` moves it."""
    return _folder("XDG_CONFIG_HOME", ".config") / "config.toml"


def place_file(run_dir: str) -> Path:
    """Where the person was in this run."""
    folder = state_dir() / "places"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{hashlib.sha256(run_dir.encode()).hexdigest()[:20]}.json"


def copied_file() -> Path:
    """The text copied last, private to the person."""
    path = state_dir() / "copied.txt"
    path.touch(mode=0o600)
    return path
