"""Where things live on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from engine.errors import MachineError

SAMPLE_DATA = Path(__file__).resolve().parent / "sample_data"


def cache_dir() -> Path:
    """Converted embedded models. `SEAL_TUI_CACHE` moves it; it may be deleted at any time."""
    override = os.environ.get("SEAL_TUI_CACHE")
    folder = Path(override) if override else platformdirs.user_cache_path("seal-tui")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def runtime_dir() -> Path:
    """A private folder with a short path, for sockets (a socket path must stay under 108 bytes)."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    short = base is not None and len(os.fsencode(base)) <= 60
    folder = Path(base or "") / "seal-tui" if short else Path(f"/tmp/seal-tui-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise MachineError(f"{folder} must be accessible to you only (chmod 700 {folder})")
    return folder
