"""Numbered schema migrations, applied when a run folder of an older program is opened.

A migration produces the schema of its number. `schema.sql` is the schema after the last one; a
test checks that the two agree.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from engine import __version__
from engine.store.migrations import v004_producers, v005_conversations, v006_waiting, v007_sessions

# Takes a cursor in a transaction, and the run folder, which it only reads.
Migration = Callable[[Any, Path], None]

MIGRATIONS: dict[int, Migration] = {
    4: v004_producers.migrate,
    5: v005_conversations.migrate,
    6: v006_waiting.migrate,
    7: v007_sessions.migrate,
}
OLDEST = min(MIGRATIONS) - 1
CURRENT = max(MIGRATIONS)


def upgrade(path: Path, schema: int, config: dict[str, Any]) -> None:
    """Upgrade a database that no process has open from this schema to the current one.

    All work is done in a copy, which replaces the original in one step at the end. If the process
    is killed or the disk fills up, one complete database remains. (A transaction alone is not
    enough: if the process is killed after its commit, DuckDB 2.0 cannot replay an ALTER TABLE of
    a table whose CHECK calls a function.)

    Raises OSError, duckdb.Error, or the error of a migration; the original is then unchanged.
    """
    copy = path.with_name(f"{path.name}.upgrade")
    log = copy.with_name(f"{copy.name}.wal")
    try:
        for stale in (copy, log):  # left by a process that was killed
            stale.unlink(missing_ok=True)
        with contextlib.closing(duckdb.connect(str(path), config=config)) as connection:
            connection.execute("CHECKPOINT")  # so that the file holds the whole database
        shutil.copyfile(path, copy)
        shutil.copymode(path, copy)
        with contextlib.closing(duckdb.connect(str(copy), config=config)) as connection:
            for number in range(schema + 1, CURRENT + 1):
                connection.begin()
                MIGRATIONS[number](connection, path.parent)
                put_version(connection, number)
                connection.commit()
            connection.execute("CHECKPOINT")
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(copy, path)
    finally:
        for scratch in (copy, log):
            scratch.unlink(missing_ok=True)


def put_version(cursor: Any, schema: int) -> None:
    """Record the schema's number and the version of the program that created it."""
    for row in (("schema", str(schema)), ("program", __version__)):
        cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", row)
