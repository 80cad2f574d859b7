"""The folders of the XDG base directory specification."""

from __future__ import annotations

import os
from pathlib import Path


def folder(variable: str, *default: str) -> Path:
    """The program's folder under this variable, or under `default` in the home folder."""
    base = os.environ.get(variable)
    # A relative path in these variables is to be ignored, says the specification.
    root = Path(base) if base and Path(base).is_absolute() else _home().joinpath(*default)
    return root / "seal-tui"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # neither HOME nor an entry for this user, as in some containers
        return Path(os.devnull)  # in which nothing can be read or written


def config_file() -> Path:
    """The user's settings; it need not exist. `XDG_CONFIG_HOME` moves it."""
    return folder("XDG_CONFIG_HOME", ".config") / "config.toml"
