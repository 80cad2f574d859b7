"""The last place in a run: pane, filters, order, row. Saved so that the run reopens there."""

from __future__ import annotations

import os
from contextlib import suppress

import msgspec

from seal_tui import paths


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One browsing pane."""

    filter: str = ""
    sort: str = ""
    descending: bool = False
    row: int | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The open pane, and the view of each browsing pane."""

    pane: str = ""
    views: dict[str, View] = {}
    blind: bool = False


def load(run_dir: str) -> Place:
    """The saved place of this run, or the default if there is none or the file is damaged."""
    try:
        return msgspec.json.decode(paths.place_file(run_dir).read_bytes(), type=Place)
    except (OSError, msgspec.DecodeError):
        return Place()


def keep(run_dir: str, place: Place) -> None:
    """Save a place. Failing to save it, for example on a full disk, is not an error."""
    with suppress(OSError):
        path = paths.place_file(run_dir)
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_bytes(msgspec.json.encode(place))
        os.replace(scratch, path)
