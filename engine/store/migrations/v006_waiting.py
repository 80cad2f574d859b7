"""From schema 5 to 6: decisions that wait for the texts of their pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_WAITING = """
CREATE TABLE waiting (
    action_no INTEGER NOT NULL, source_id VARCHAR NOT NULL,
    chosen_sha VARCHAR NOT NULL, rejected_sha VARCHAR NOT NULL,
    old mark_state NOT NULL, new mark_state NOT NULL
)
"""
_LOGGED = """
CREATE VIEW logged AS
SELECT d.action_no, d.source_id, c.sha256 AS chosen_sha, r.sha256 AS rejected_sha, d.old, d.new
FROM decisions AS d
JOIN texts AS c ON c.text_id = d.chosen_id JOIN texts AS r ON r.text_id = d.rejected_id
UNION ALL
SELECT action_no, source_id, chosen_sha, rejected_sha, old, new FROM waiting
"""


def migrate(cursor: Any, folder: Path) -> None:
    cursor.execute(_WAITING)
    cursor.execute(_LOGGED)
