"""Opening the database, and its two ways in: a reading cursor and a writing transaction."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from engine import __version__
from engine.errors import Interrupted, MachineError
from engine.store.migrations import CURRENT, OLDEST, put_version, upgrade

# Keys in `meta`. The last results that are all there: dataset, producers and study, as JSON; and
# the digest of what the stored measures are of.
COMPLETE = "complete"
MEASURED = "measured"
_HERE = Path(__file__).parent
_CONFIG = {"enable_external_access": "false", "memory_limit": "4GB"}


T = TypeVar("T")

# What the machine does to a database; anything else is a fault of this program.
_OUTSIDE = (
    duckdb.IOException,
    duckdb.TransactionException,
    duckdb.OutOfMemoryException,
    duckdb.FatalException,
)


class Reading:
    """A reader whose statement another thread may stop."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._stopped = False

    def stop(self) -> None:
        """End the statement that runs, or that would run next."""
        self._stopped = True
        self._cursor.interrupt()

    def rows(self, statement: str, parameters: Any = None) -> list[Any]:
        """Every row of one reading statement. Raises Interrupted when stopped."""
        if self._stopped:
            raise Interrupted
        try:
            found: list[Any] = self._cursor.execute(statement, parameters or []).fetchall()
        except duckdb.InterruptException:
            raise Interrupted from None
        return found


@cache
def sql(name: str) -> str:
    """The statement in queries/NAME.sql."""
    return (_HERE / "queries" / f"{name}.sql").read_text("utf-8")


def _connect(path: Path) -> Any:
    try:
        return duckdb.connect(str(path), config=_CONFIG)
    except duckdb.Error as error:
        raise MachineError(_explain(path, str(error))) from None


class Store:
    """One run's DuckDB file, held by this process alone.

    DuckDB allows one writing process. Inside it, every thread reads with a cursor of its own and
    writes wait for each other, so there are no conflicts to retry.
    """

    def __init__(self, path: Path) -> None:
        """Open, create with the current schema, or bring an older one up to it.

        Raises MachineError when another process holds the file, when it is damaged, or when a newer
        version of this program wrote it.
        """
        self._path = path
        self._lock = threading.Lock()
        self._connection = _connect(path)
        try:
            if self.read("SELECT 1 FROM information_schema.tables").fetchone():
                self._upgrade()
            else:
                self._create()
        except BaseException:
            self.close()
            raise

    def _create(self) -> None:
        with self.write() as cursor:
            cursor.execute((_HERE / "schema.sql").read_text("utf-8"))
            put_version(cursor, CURRENT)
        self._path.chmod(0o600)

    def _upgrade(self) -> None:
        schema = self._schema()
        if not OLDEST <= schema <= CURRENT:
            raise MachineError(_foreign(self._path, schema, self._program()))
        if schema == CURRENT:
            return
        self.close()
        try:
            upgrade(self._path, schema, _CONFIG)
        except Exception as error:
            why = error.strerror if isinstance(error, OSError) else str(error).strip()
            raise MachineError(
                f"{self._path} (schema {schema}) cannot be migrated to schema {CURRENT}: "
                f"{(why or type(error).__name__).splitlines()[0]}; the file is unchanged"
            ) from error
        self._connection = _connect(self._path)

    def close(self) -> None:
        self._connection.close()

    def read(self, statement: str, parameters: Any = None) -> Any:
        """Run one reading statement on a cursor of its own and return the cursor."""
        return self._connection.cursor().execute(statement, parameters or [])

    def reading(self) -> Reading:
        """A reader that can be stopped."""
        return Reading(self._connection.cursor())

    def arrow(self, statement: str, parameters: dict[str, Any] | None = None) -> Any:
        """The rows of one reading statement as an Arrow table."""
        return self._connection.cursor().sql(statement, params=parameters).to_arrow_table()

    @contextmanager
    def snapshot(self) -> Iterator[Any]:
        """A cursor whose statements all see the data of one moment; it does not write."""
        cursor = self._connection.cursor()
        cursor.begin()
        try:
            yield cursor
        finally:
            cursor.rollback()

    @contextmanager
    def write(self) -> Iterator[Any]:
        """A transaction: everything in the block is committed, or nothing.

        Raises MachineError when the disk or the memory is full, with everything before it kept.
        """
        with self._lock:
            cursor = self._connection.cursor()
            try:
                cursor.begin()
                yield cursor
                cursor.commit()
            except BaseException as error:
                with contextlib.suppress(duckdb.Error):  # a failed commit is rolled back already
                    cursor.rollback()
                if isinstance(error, _OUTSIDE):
                    raise MachineError(_trouble(self._path, str(error))) from None
                raise

    def meta(self, key: str) -> str | None:
        row = self.read("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
        return None if row is None else str(row[0])

    def put_meta(self, key: str, value: str) -> None:
        with self.write() as cursor:
            cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])

    def _schema(self) -> int:
        """The number of the stored schema, 0 where there is none that this program knows."""
        try:
            return int(self.meta("schema") or 0)
        except (duckdb.CatalogException, duckdb.BinderException, ValueError):
            return 0

    def _program(self) -> str:
        """Which version of the program wrote this schema, as far as it says so."""
        try:
            return self.meta("program") or ""
        except (duckdb.CatalogException, duckdb.BinderException):
            return ""


def rows(cursor: Any, kind: Callable[..., T]) -> list[T]:
    """What a statement found, each row as a `kind` whose fields are named as the columns."""
    names = [column[0] for column in cursor.description]
    return [kind(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def forget_results(cursor: Any) -> None:
    """The last complete results, and their measures, are of pairs that are replaced now."""
    cursor.execute("DELETE FROM meta WHERE key IN (?, ?)", [COMPLETE, MEASURED])


def insert(cursor: Any, table: str, columns: dict[str, Any], ignore: bool = False) -> None:
    """Insert equally long columns (lists or arrays) at once, through Arrow."""
    import pyarrow

    arrow = pyarrow.table(columns)
    cursor.register("incoming", arrow)
    names = ", ".join(f'"{name}"' for name in columns)
    verb = "INSERT OR IGNORE INTO" if ignore else "INSERT INTO"
    cursor.execute(f"{verb} {table} ({names}) SELECT {names} FROM incoming")
    cursor.unregister("incoming")


def _foreign(path: Path, schema: int, program: str) -> str:
    if schema > CURRENT:
        by = f"seal-tui {program}" if program else "a newer seal-tui"
        return (
            f"{path} was written by {by} (schema {schema}), this is seal-tui {__version__} "
            f"(schema {CURRENT}): update seal-tui to open it; nothing was changed"
        )
    what = f"has schema {schema}, older than any that" if schema else "is no database that"
    return f"{path} {what} seal-tui {__version__} can read (schemas {OLDEST} to {CURRENT})"


def _trouble(path: Path, error: str) -> str:
    first = error.strip().splitlines()[0]
    return (
        f"{path} cannot be written: {first}; everything committed before is kept, so make room "
        "and run again"
    )


def _explain(path: Path, error: str) -> str:
    if "Could not set lock" in error or "already open" in error:
        holder = re.search(r"PID (\d+)", error)
        who = f"process {holder[1]}" if holder else "another process"
        return f"{path} is in use by {who}; use `seal-tui open`, or stop that process first"
    first = error.strip().splitlines()[0]
    return f"{path} cannot be opened: {first}"
