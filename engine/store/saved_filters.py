"""Saved filters, by name."""

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


def save(store: Store, request: SaveFilter) -> None:
    """Save a filter under its name, replacing an earlier one. An empty filter deletes it.

    Raises BadInput for an invalid name or a filter that is too long.
    """
    if len(request.name) > NAME_LENGTH or not _NAME.fullmatch(request.name):
        raise BadInput(
            "a filter name must start with a letter, then letters, digits, _ or -, "
            f"at most {NAME_LENGTH} characters"
        )
    if len(request.filter) > FILTER_LENGTH:
        raise BadInput(
            f"the filter has {len(request.filter):,} characters; the limit is {FILTER_LENGTH}"
        )
    with store.write() as cursor:
        if request.filter.strip():
            cursor.execute(
                "INSERT OR REPLACE INTO filters VALUES (?, ?)",
                [request.name, request.filter.strip()],
            )
        else:
            cursor.execute("DELETE FROM filters WHERE name = ?", [request.name])
