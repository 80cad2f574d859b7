"""Saved filters, by name: in the database, and for its loss in filters.json beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import BadInput
from engine.files import replacing
from engine.store.database import Store
from engine.visible import json_text
from engine.wire.messages import SavedFilter, SaveFilter

FILE = "filters.json"

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
    _check(request)
    with store.write() as cursor:
        _put(cursor, request)
        keep(store, cursor)


def keep(store: Store, cursor: Any) -> None:
    """Write the filters to their file, in the caller's transaction, if it holds others."""
    if store.decisions is None:
        return
    path = store.path.with_name(FILE)
    rows = cursor.execute("SELECT name, filter FROM filters ORDER BY name").fetchall()
    filters = [SavedFilter(name=name, filter=text) for name, text in rows]
    if filters != kept(path):
        with replacing(path) as file:
            file.write(json_text(msgspec.json.encode(filters).decode()).encode() + b"\n")


def kept(path: Path) -> list[SavedFilter]:
    """What a file of filters holds, without what cannot be read and what no filter can be."""
    try:
        content = msgspec.json.decode(path.read_bytes(), type=list[SavedFilter])
    except (OSError, msgspec.DecodeError):
        return []
    return [one for one in content if _is_valid(one)]


def bring_back(cursor: Any, path: Path) -> int:
    """Save what the file holds, in a new database; how many filters that is."""
    filters = kept(path)
    for one in filters:
        _put(cursor, SaveFilter(name=one.name, filter=one.filter))
    return len(filters)


def _is_valid(one: SavedFilter) -> bool:
    try:
        _check(SaveFilter(name=one.name, filter=one.filter))
    except BadInput:
        return False
    return True


def _check(request: SaveFilter) -> None:
    if len(request.name) > NAME_LENGTH or not _NAME.fullmatch(request.name):
        raise BadInput(
            "a filter name must start with a letter, then letters, digits, _ or -, "
            f"at most {NAME_LENGTH} characters"
        )
    if len(request.filter) > FILTER_LENGTH:
        raise BadInput(
            f"the filter has {len(request.filter):,} characters; the limit is {FILTER_LENGTH}"
        )


def _put(cursor: Any, request: SaveFilter) -> None:
    if text := request.filter.strip():
        cursor.execute("INSERT OR REPLACE INTO filters VALUES (?, ?)", [request.name, text])
    else:
        cursor.execute("DELETE FROM filters WHERE name = ?", [request.name])
