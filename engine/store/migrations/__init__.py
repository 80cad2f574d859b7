"""Numbered changes of the schema, applied when a run folder of an older program is opened.

A migration leads to the schema of its number. `schema.sql` is the schema after the last one; a test
holds the two together.
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
from engine.store.migrations import v004_producers

# Given a cursor in a transaction and the run folder, which is only read.
Migration = Callable[[Any, Path], None]

MIGRATIONS: dict[int, Migration] = {
    4: v004_producers.migrate,
}
OLDEST = min(MIGRATIONS) - 1
CURRENT = max(MIGRATIONS)


def upgrade(path: Path, schema: int, config: dict[str, Any]) -> None:
    """Bring a database that nobody has open from this schema to the current one.

    All work is done in a copy, which takes the original's place in one step at the end: wherever
    a process is killed or a disk is full, one of the two is there, whole. (A transaction alone is
    not enough: of a process killed after its commit, DuckDB 2.0 cannot replay an ALTER TABLE where
    a CHECK calls a function.)

    Raises OSError and duckdb.Error, or what a migration raises, with the original as it was.
    """
    copy = path.with_name(f"{path.name}.upgrade")
    log = copy.with_name(f"{copy.name}.wal")
    try:
        for left in (copy, log):  # of a process that was killed
            left.unlink(missing_ok=True)
        with contextlib.closing(duckdb.connect(str(path), config=config)) as connection:
            connection.execute("CHECKPOINT")  # so that the file is the whole database
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
        for left in (copy, log):
            left.unlink(missing_ok=True)


def put_version(cursor: Any, schema: int) -> None:
    """Write down which schema this is, and which program made it so."""
    for row in (("schema", str(schema)), ("program", __version__)):
        cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", row)
