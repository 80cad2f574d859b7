"""From schema 6 to 7: which client's session an action was of; of older ones it is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_ACTIONS = """
CREATE TABLE actions (
    action_no INTEGER PRIMARY KEY, time TIMESTAMP NOT NULL, author VARCHAR NOT NULL,
    study     VARCHAR NOT NULL, kind VARCHAR NOT NULL, target INTEGER NOT NULL,
    blind     BOOLEAN NOT NULL, summary VARCHAR NOT NULL, pairs INTEGER NOT NULL,
    session   VARCHAR NOT NULL
)
"""


def migrate(cursor: Any, folder: Path) -> None:
    cursor.execute("CREATE TEMP TABLE old_actions AS SELECT * FROM actions")
    cursor.execute("DROP TABLE actions")
    cursor.execute(_ACTIONS)
    cursor.execute("INSERT INTO actions SELECT *, '' FROM old_actions ORDER BY action_no")
    cursor.execute("DROP TABLE old_actions")
