"""Opens the database, and gives access by reading cursors and writing transactions."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from engine import memory
from engine.errors import BadInput, Interrupted, MachineError
from engine.store import problems
from engine.store.appended import Appended
from engine.store.migrations import CURRENT, OLDEST, put_version, upgrade
from engine.store.watched import Watched

# Keys in `meta`: the last complete results (dataset, producers and study, as JSON), and the digest
# of what the stored measures were computed from.
COMPLETE = "complete"
MEASURED = "measured"
_HERE = Path(__file__).parent
# Rows that a transaction adds are held in memory by the group of 122,880: of each table, one.
_CONFIG = {"enable_external_access": "false", "write_buffer_row_group_count": "1"}
# The memory for DuckDB: of what it reads and sorts, and while pairs are stored, when what does not
# fit goes to files. The indexes of the pairs must fit, whatever else does.
READING, STORING, PER_PAIR = 768 << 20, 384 << 20, 896

LONGEST_S = 30.0  # for what a reader waits for; then others have the machine again

T = TypeVar("T")


class Rows:
    """The result of one reading statement. Raises Damaged if the database turns out to be."""

    def __init__(self, cursor: Any, path: Path) -> None:
        self._cursor = cursor
        self._path = path

    @property
    def description(self) -> Any:
        return self._cursor.description

    def fetchall(self) -> list[Any]:
        with problems.named(self._path):
            found: list[Any] = self._cursor.fetchall()
        return found

    def fetchmany(self, size: int) -> list[Any]:
        with problems.named(self._path):
            found: list[Any] = self._cursor.fetchmany(size)
        return found

    def fetchone(self) -> Any:
        with problems.named(self._path):
            return self._cursor.fetchone()


class Reading:
    """Reads with statements that another thread can stop."""

    def __init__(self, cursor: Any, path: Path) -> None:
        self._cursor = cursor
        self._path = path
        self._stopped = False
        self._late = False

    def stop(self) -> None:
        """Stop the current statement, or the next one if none is running."""
        self._stopped = True
        self._cursor.interrupt()

    def rows(self, statement: str, parameters: Any = None) -> list[Any]:
        """All rows of one reading statement. Raises Interrupted if stopped, BadInput if that took
        longer than LONGEST_S."""
        if self._stopped:
            raise Interrupted
        timer = threading.Timer(LONGEST_S, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            with problems.named(self._path):
                result: list[Any] = self._cursor.execute(statement, parameters or []).fetchall()
        except duckdb.InterruptException:
            if self._late:
                raise BadInput(
                    f"the search was given up after {LONGEST_S:g} s: search for fewer words, or "
                    "narrow it by numbers and labels"
                ) from None
            raise Interrupted from None
        except duckdb.OutOfMemoryException:
            raise BadInput("the search needs too much memory: search for less at once") from None
        finally:
            timer.cancel()
        return result

    def _give_up(self) -> None:
        self._late = True
        self._cursor.interrupt()


@cache
def sql(name: str) -> str:
    """The statement in queries/NAME.sql."""
    return (_HERE / "queries" / f"{name}.sql").read_text("utf-8")


def _connect(path: Path, config: dict[str, str]) -> Any:
    try:
        return duckdb.connect(str(path), config=config)
    except duckdb.Error as error:
        raise problems.opening(path, error) from None


def _clear(folder: Path) -> None:
    """Remove what DuckDB left there when it was killed, whatever it is: the run folder may come
    from someone else."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _room(least: int, pairs: int) -> str:
    """The memory for DuckDB, as it reads it: never more than half of the machine's."""
    return f"{min(max(least, pairs * PER_PAIR), memory.allowed() // 2) >> 20}MiB"


class Store:
    """One run's DuckDB file, held by this process alone.

    DuckDB allows one writing process. In it, every thread reads with its own cursor, and writes
    wait for each other, so there are no conflicts to retry.
    """

    def __init__(self, path: Path, decisions: Path | None = None) -> None:
        """Open the database; create it, or upgrade an older schema, if necessary. `decisions` is
        the file in which its log of decisions is kept as well (see engine/store/journal.py).

        Raises MachineError if another process holds the file, or if a newer version of this
        program wrote it; Damaged if it is damaged, or gone although that of its decisions is there.
        """
        self.path = path
        self.decisions = None if decisions is None else Appended(decisions)
        self.notices: list[str] = []  # for people: what was found wrong and put right
        if decisions is not None and decisions.exists():
            problems.check_there(path)
        # DuckDB removes its write-ahead log at the end: what is left is from one that was killed.
        self.cut_off = problems.log_of(path).exists()
        self.spill = path.with_name(f"{path.name}.tmp")
        self._config = {
            **_CONFIG,
            "memory_limit": _room(READING, 0),
            "temp_directory": str(self.spill),
        }
        self._lock = threading.Lock()
        self._connect()
        try:
            if self.read("SELECT 1 FROM information_schema.tables").fetchone():
                self._upgrade()
            else:
                self._create()
        except BaseException:
            self.close()
            raise
        [(pairs,)] = self.read("SELECT count(*) FROM pairs").fetchall()
        self._limit(READING, pairs)
        self._watched.note()

    def _limit(self, least: int, pairs: int) -> None:
        with contextlib.suppress(duckdb.OutOfMemoryException):  # statements at work hold more
            self._connection.execute(f"SET memory_limit = '{_room(least, pairs)}'")

    @contextmanager
    def storing(self, pairs: int, *, roomy: bool = False) -> Iterator[Any]:
        """A transaction that stores this many pairs, with less memory for what is read; `roomy`:
        with all that DuckDB may have. Raises MemoryFull if that does not suffice."""
        most = memory.allowed()
        self._limit(most if roomy else STORING, pairs)
        try:
            with self.write() as cursor:
                yield cursor
                # A commit that fails for want of memory leaves its rows in DuckDB's indexes.
                self._limit(most, pairs)
        finally:
            self._limit(READING, pairs)

    def _create(self) -> None:
        with self.write() as cursor:
            cursor.execute((_HERE / "schema.sql").read_text("utf-8"))
            put_version(cursor, CURRENT)
        self.path.chmod(0o600)

    def _upgrade(self) -> None:
        schema = self._schema()
        if not OLDEST <= schema <= CURRENT:
            raise problems.schema(self.path, schema, self._program())
        if schema == CURRENT:
            return
        self.close()
        try:
            upgrade(self.path, schema, self._config)
        except Exception as error:
            reason = error.strerror if isinstance(error, OSError) else str(error).strip()
            raise MachineError(
                f"{self.path} (schema {schema}) cannot be migrated to schema {CURRENT}: "
                f"{(reason or type(error).__name__).splitlines()[0]}; the file is unchanged"
            ) from error
        self._connect()

    def _connect(self) -> None:
        self._connection = _connect(self.path, self._config)
        _clear(self.spill)
        self._watched = Watched((self.path, problems.log_of(self.path)))

    def close(self) -> None:
        with contextlib.suppress(duckdb.Error):  # a damaged one; all that was committed is on disk
            self._connection.close()
            _clear(self.spill)

    def read(self, statement: str, parameters: Any = None) -> Rows:
        """Run one reading statement on a cursor of its own and return the cursor."""
        with problems.named(self.path):
            return Rows(self._connection.cursor().execute(statement, parameters or []), self.path)

    def reading(self) -> Reading:
        """A reader that can be stopped."""
        return Reading(self._connection.cursor(), self.path)

    def arrow(self, statement: str, parameters: dict[str, Any] | None = None) -> Any:
        """The rows of one reading statement as an Arrow table."""
        with problems.named(self.path):
            return self._connection.cursor().sql(statement, params=parameters).to_arrow_table()

    @contextmanager
    def snapshot(self) -> Iterator[Any]:
        """A read-only cursor whose statements all see the same snapshot of the data."""
        cursor = self._connection.cursor()
        cursor.begin()
        try:
            with problems.named(self.path):
                yield cursor
        finally:
            with contextlib.suppress(duckdb.Error):
                cursor.rollback()

    @contextmanager
    def write(self) -> Iterator[Any]:
        """A transaction: the block is committed completely or not at all. What it adds to the
        file of decisions is on disk before it is committed, and taken back if it is not.

        Raises MachineError if the disk or memory is full. Earlier transactions are unaffected.
        Raises Damaged if another program removed or changed the database meanwhile.
        """
        with self._lock:
            self._watched.check()
            cursor = self._connection.cursor()
            try:
                cursor.begin()
                yield cursor
                cursor.commit()
            except BaseException as error:
                with contextlib.suppress(duckdb.Error):  # a failed commit is already rolled back
                    cursor.rollback()
                if self.decisions is not None:
                    self.decisions.take_back()
                self._watched.note()
                if (problem := problems.writing(self.path, error)) is not None:
                    raise problem from None
                raise
            if self.decisions is not None:
                self.decisions.settle()
            self._watched.check_there()
            self._watched.note()

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
    # A stream, which is empty once it was read: until the transaction ends, DuckDB keeps what was
    # registered in it.
    stream = pyarrow.RecordBatchReader.from_batches(arrow.schema, iter(arrow.to_batches()))
    cursor.register("incoming", stream)
    names = ", ".join(f'"{name}"' for name in columns)
    verb = "INSERT OR IGNORE INTO" if ignore else "INSERT INTO"
    cursor.execute(f"{verb} {table} ({names}) SELECT {names} FROM incoming")
    cursor.unregister("incoming")
