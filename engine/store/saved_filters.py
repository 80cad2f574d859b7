"""Filters with a name."""

from __future__ import annotations

import re

from engine.errors import BadInput
from engine.store.database import Store
from engine.wire.messages import SavedFilter, SaveFilter

NAME_LENGTH = 40
FILTER_LENGTH = 4_000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def saved(store: Store) -> list[SavedFilter]:
    """Every saved filter, by name."""
    rows = store.read("SELECT name, filter FROM filters ORDER BY name").fetchall()
    return [SavedFilter(name=name, filter=text) for name, text in rows]


def save(store: Store, wanted: SaveFilter) -> None:
    """Keep a filter under its name, in place of the one before; an empty one is taken away.

    Raises BadInput for a name or filter that cannot be.
    """
    if len(wanted.name) > NAME_LENGTH or not _NAME.fullmatch(wanted.name):
        raise BadInput(
            "a filter name must start with a letter, then letters, digits, _ or -, "
            f"at most {NAME_LENGTH} characters"
        )
    if len(wanted.filter) > FILTER_LENGTH:
        raise BadInput(
            f"the filter has {len(wanted.filter):,} characters; the limit is {FILTER_LENGTH}"
        )
    with store.write() as cursor:
        if wanted.filter.strip():
            cursor.execute(
                "INSERT OR REPLACE INTO filters VALUES (?, ?)", [wanted.name, wanted.filter.strip()]
            )
        else:
            cursor.execute("DELETE FROM filters WHERE name = ?", [wanted.name])
