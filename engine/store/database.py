"""Opens the database, and gives access by reading cursors and writing transactions."""

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

# Keys in `meta`: the last complete results (dataset, producers and study, as JSON), and the digest
# of what the stored measures were computed from.
COMPLETE = "complete"
MEASURED = "measured"
_HERE = Path(__file__).parent
_CONFIG = {"enable_external_access": "false", "memory_limit": "4GB"}


T = TypeVar("T")

# Errors caused by the machine; any other is a bug in this program.
_MACHINE_ERRORS = (
    duckdb.IOException,
    duckdb.TransactionException,
    duckdb.OutOfMemoryException,
    duckdb.FatalException,
)


class Reading:
    """Reads with statements that another thread can stop."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._stopped = False

    def stop(self) -> None:
        """Stop the current statement, or the next one if none is running."""
        self._stopped = True
        self._cursor.interrupt()

    def rows(self, statement: str, parameters: Any = None) -> list[Any]:
        """All rows of one reading statement. Raises Interrupted if stopped."""
        if self._stopped:
            raise Interrupted
        try:
            result: list[Any] = self._cursor.execute(statement, parameters or []).fetchall()
        except duckdb.InterruptException:
            raise Interrupted from None
        return result


@cache
def sql(name: str) -> str:
    """The statement in queries/NAME.sql."""
    return (_HERE / "queries" / f"{name}.sql").read_text("utf-8")


def _connect(path: Path) -> Any:
    try:
        return duckdb.connect(str(path), config=_CONFIG)
    except duckdb.Error as error:
        raise MachineError(_open_problem(path, str(error))) from None


class Store:
    """One run's DuckDB file, held by this process alone.

    DuckDB allows one writing process. In it, every thread reads with its own cursor, and writes
    wait for each other, so there are no conflicts to retry.
    """

    def __init__(self, path: Path) -> None:
        """Open the database; create it, or upgrade an older schema, if necessary.

        Raises MachineError if another process holds the file, if it is damaged, or if a newer
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
            raise MachineError(_schema_problem(self._path, schema, self._program()))
        if schema == CURRENT:
            return
        self.close()
        try:
            upgrade(self._path, schema, _CONFIG)
        except Exception as error:
            reason = error.strerror if isinstance(error, OSError) else str(error).strip()
            raise MachineError(
                f"{self._path} (schema {schema}) cannot be migrated to schema {CURRENT}: "
                f"{(reason or type(error).__name__).splitlines()[0]}; the file is unchanged"
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
        """A read-only cursor whose statements all see the same snapshot of the data."""
        cursor = self._connection.cursor()
        cursor.begin()
        try:
            yield cursor
        finally:
            cursor.rollback()

    @contextmanager
    def write(self) -> Iterator[Any]:
        """A transaction: the block is committed completely or not at all.

        Raises MachineError if the disk or memory is full. Earlier transactions are unaffected.
        """
        with self._lock:
            cursor = self._connection.cursor()
            try:
                cursor.begin()
                yield cursor
                cursor.commit()
            except BaseException as error:
                with contextlib.suppress(duckdb.Error):  # a failed commit is already rolled back
                    cursor.rollback()
                if isinstance(error, _MACHINE_ERRORS):
                    raise MachineError(_write_problem(self._path, str(error))) from None
                raise

    def meta(self, key: str) -> str | None:
        row = self.read("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
        return None if row is None else str(row[0])

    def put_meta(self, key: str, value: str) -> None:
        with self.write() as cursor:
            cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])

    def _schema(self) -> int:
        """The number of the stored schema; 0 if there is none or it is unreadable."""
        try:
            return int(self.meta("schema") or 0)
        except (duckdb.CatalogException, duckdb.BinderException, ValueError):
            return 0

    def _program(self) -> str:
        """The version of the program that wrote this schema; empty if not recorded."""
        try:
            return self.meta("program") or ""
        except (duckdb.CatalogException, duckdb.BinderException):
            return ""


def rows(cursor: Any, kind: Callable[..., T]) -> list[T]:
    """The rows of a statement, each as a `kind` whose fields are named like the columns."""
    names = [column[0] for column in cursor.description]
    return [kind(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def forget_results(cursor: Any) -> None:
    """Forget the last complete results and their measures: their pairs are being replaced."""
    cursor.execute("DELETE FROM meta WHERE key IN (?, ?)", [COMPLETE, MEASURED])


def insert(cursor: Any, table: str, columns: dict[str, Any], ignore: bool = False) -> None:
    """Insert columns of equal length (lists or arrays) in one statement, through Arrow."""
    import pyarrow

    arrow = pyarrow.table(columns)
    cursor.register("incoming", arrow)
    names = ", ".join(f'"{name}"' for name in columns)
    verb = "INSERT OR IGNORE INTO" if ignore else "INSERT INTO"
    cursor.execute(f"{verb} {table} ({names}) SELECT {names} FROM incoming")
    cursor.unregister("incoming")


def _schema_problem(path: Path, schema: int, program: str) -> str:
    if schema > CURRENT:
        writer = f"seal-tui {program}" if program else "a newer seal-tui"
        return (
            f"{path} was written by {writer} (schema {schema}), this is seal-tui {__version__} "
            f"(schema {CURRENT}): update seal-tui to open it; nothing was changed"
        )
    problem = f"has schema {schema}, which" if schema else "is not a database that"
    verb = "cannot read" if schema else "can read"
    return f"{path} {problem} seal-tui {__version__} {verb} (schemas {OLDEST} to {CURRENT})"


def _write_problem(path: Path, error: str) -> str:
    first = error.strip().splitlines()[0]
    return (
        f"{path} cannot be written: {first}; everything committed earlier is kept: free some space "
        "and run again"
    )


def _open_problem(path: Path, error: str) -> str:
    if "Could not set lock" in error or "already open" in error:
        holder = re.search(r"PID (\d+)", error)
        who = f"process {holder[1]}" if holder else "another process"
        return f"{path} is in use by {who}; use `seal-tui open`, or stop that process first"
    first = error.strip().splitlines()[0]
    return f"{path} cannot be opened: {first}"
