"""The engine of the SEAL explorer: data, models, runs, the paper's measures, the store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.api import Run

__version__ = "0.1.0"


def open(folder: str | os.PathLike[str], author: str = "") -> Run:
    """Attach to the engine of a run folder, which is started if there is none.

    `author` signs decisions; the default is the author of the settings file, or the login name.
    Raises BadInput if `folder` is not a run folder. See docs/python-api.md.
    """
    from engine import api  # with HTTP and the wire: not for every import of the package

    return api.attach(folder, author)
