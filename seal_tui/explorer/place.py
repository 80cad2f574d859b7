"""Where a person was in a run: pane, filters, order, row. Kept so that it opens there again."""

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
    """The pane in front, and what each browsing pane showed."""

    pane: str = ""
    views: dict[str, View] = {}
    blind: bool = False


def load(run_dir: str) -> Place:
    """The place last kept of this run; the beginning when there is none or it is damaged."""
    try:
        return msgspec.json.decode(paths.place_file(run_dir).read_bytes(), type=Place)
    except (OSError, msgspec.DecodeError):
        return Place()


def keep(run_dir: str, place: Place) -> None:
    """Keep a place. A disk that is full costs the place, never the work."""
    with suppress(OSError):
        path = paths.place_file(run_dir)
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_bytes(msgspec.json.encode(place))
        os.replace(scratch, path)
