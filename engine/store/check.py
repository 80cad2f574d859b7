"""Reads a whole database, since every block that DuckDB reads is compared with its checksum.

Blocks that only a foreign key's index uses are not read.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from engine.errors import Interrupted
from engine.store.database import Store

LIMIT_S = 10.0  # at a start; a larger database is read as far as that goes


def check(store: Store, limit_s: float | None = None) -> None:
    """Read every table, for so many seconds at most. Raises Damaged."""
    reading = store.reading()
    timer = None if limit_s is None else threading.Timer(limit_s, reading.stop)
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        tables = reading.rows("SELECT table_name FROM duckdb_tables() ORDER BY estimated_size")
        for (name,) in tables:
            reading.rows(f"SELECT bit_xor(hash(t)) FROM {_quoted(name)} AS t")
    except Interrupted:
        return
    finally:
        if timer is not None:
            timer.cancel()


class _Undone(Exception):
    """Ends a transaction that must change nothing."""


def check_indexes(store: Store) -> None:
    """Look up every key of every table. Raises Damaged."""
    keyed = store.read(
        "SELECT DISTINCT table_name FROM duckdb_constraints() "
        "WHERE constraint_type IN ('PRIMARY KEY', 'UNIQUE') ORDER BY 1"
    ).fetchall()
    with suppress(_Undone), store.write() as cursor:
        for (name,) in keyed:  # every row is there already: nothing is inserted
            table = _quoted(name)
            cursor.execute(f"INSERT OR IGNORE INTO {table} SELECT * FROM {table}")
        raise _Undone


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
