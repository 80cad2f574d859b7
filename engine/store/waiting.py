"""Decisions that were brought back from decisions.jsonl and wait for the texts of their pairs."""

from __future__ import annotations

from typing import Any

from engine.store.database import sql


def attach(cursor: Any) -> None:
    """Make decisions, and the marks that follow, of those whose texts are stored by now."""
    if not cursor.execute("SELECT 1 FROM waiting LIMIT 1").fetchall():
        return
    [(attached,)] = cursor.execute(sql("waiting_attach")).fetchall()
    if attached:
        cursor.execute(sql("waiting_attached"))
        cursor.execute("DELETE FROM marks")
        cursor.execute(sql("marks_rebuild"))
