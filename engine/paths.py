"""Where things live on this machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import platformdirs

from engine.errors import MachineError
from engine.visible import shell_word

SAMPLE_DATA = Path(__file__).resolve().parent / "sample_data"


def cache_dir() -> Path:
    """Converted embedded models. `SEAL_TUI_CACHE` moves it; it may be deleted at any time."""
    override = os.environ.get("SEAL_TUI_CACHE")
    try:
        folder = Path(override) if override else platformdirs.user_cache_path("seal-tui")
    except RuntimeError:  # neither HOME nor an entry for this user, as in some containers
        raise MachineError(
            "there is no home folder to keep a cache in: set SEAL_TUI_CACHE to a folder"
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"{folder} cannot be made: {error.strerror}; set SEAL_TUI_CACHE to a folder where you "
            "may write"
        ) from None
    return folder


def runtime_dir() -> Path:
    """A private folder with a short path, for sockets (a socket path must stay under 108 bytes)."""
    # A relative path in this variable is to be ignored, says the specification.
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or ".")
    usable = base.is_absolute() and len(os.fsencode(base)) <= 60
    folder = base / "seal-tui" if usable else Path("/tmp") / f"seal-tui-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        pass
    except OSError as error:
        raise MachineError(
            f"{folder}, where sockets are put, cannot be made: {error.strerror}; set "
            "XDG_RUNTIME_DIR to a folder that only you can use"
        ) from None
    # In /tmp anybody may have been first: with a folder, or with a link to one of this user.
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise MachineError(
            f"{folder}, where sockets are put, is not a folder of yours: remove it, or set "
            "XDG_RUNTIME_DIR to a folder that only you can use"
        )
    if found.st_mode & 0o077:
        raise MachineError(
            f"{folder} must be accessible to you only: chmod 700 {shell_word(folder)}"
        )
    return folder
