"""Takes decisions from decisions.jsonl: those that the database lacks, or all for a new one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine.errors import BadInput, Damaged, MachineError, NotFound
from engine.files import part_of
from engine.store import check, journal, problems, saved_filters
from engine.store.appended import Sum, set_aside, summed
from engine.store.database import Store, insert
from engine.store.journal import Logged, Span
from engine.store.ledger import LedgerRow, check_row, incoming, microseconds
from engine.store.marks import check_author, check_session
from engine.store.waiting import attach

DATABASE = "seal.duckdb"
DECISIONS = "decisions.jsonl"
# The key in `meta` of the last recovery, as JSON.
RECOVERED = "recovered"
_HEADERS = 3 * 4096
_MAX_LINE = 256 << 20
_MAX_NUMBER = 2**31 - 1
_KINDS = ("change", "undo", "redo", "import")


class JournalRow(LedgerRow, frozen=True, kw_only=True):
    """A line of decisions.jsonl."""

    actions: tuple[Logged, ...] = ()


class Transaction(NamedTuple):
    """What was written at once. `end` is its end in the file, in bytes; `damaged` counts lines in
    it that cannot be read."""

    rows: list[JournalRow]
    actions: tuple[Logged, ...]
    end: int
    damaged: int


class Taken(msgspec.Struct, kw_only=True):
    """What was taken from the file. `renumbered`: the database numbers its actions in another way,
    so that the file has to be written anew."""

    actions: int = 0
    decisions: int = 0
    damaged: int = 0
    renumbered: bool = False


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a folder. `problem` is that of the old database, empty if it had none, and
    then only its file may have been written again, as `notices` say; `aside` are the names of files
    that were set aside."""

    problem: str = ""
    actions: int = 0
    decisions: int = 0
    damaged_lines: int = 0
    filters: int = 0
    aside: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def open_store(folder: Path) -> Store:
    """The store of a run folder, its database and its file of decisions in agreement.

    Raises Damaged if the database is damaged or gone, MachineError if it cannot be opened.
    """
    path = folder / DATABASE
    try:
        store = Store(path, folder / DECISIONS)
    except Damaged:
        if not _never_held_anything(path):
            raise
        set_aside(path)
        store = Store(path, folder / DECISIONS)
    try:
        if store.cut_off:
            check.check(store, check.LIMIT_S)
        agree(store)
        with store.write() as cursor:
            saved_filters.keep(store, cursor)
        for name in (DECISIONS, saved_filters.FILE):  # of a process that was killed
            part_of(folder / name).unlink(missing_ok=True)
    except BaseException:
        store.close()
        raise
    return store


def _never_held_anything(path: Path) -> bool:
    """Whether this is the beginning of a database whose making was cut off, by a kill or a full
    disk: not more than DuckDB's headers, and none of what follows them. Any other small file is
    not of this program's making."""
    after = (problems.log_of(path), path.with_name(DECISIONS), path.with_name("manifest.json"))
    if not path.exists() or any(map(Path.exists, after)):
        return False
    with path.open("rb") as file:
        content = file.read(_HEADERS + 1)
    begun = not content.strip(b"\0") or content[8:12] == b"DUCK"[: len(content[8:12])]
    return len(content) <= _HEADERS and begun


def agree(store: Store) -> None:
    """Bring the database and the file of decisions to the same state.

    Each may lack the other's last actions: the file those of a program that did not write it, the
    database those of a process that was killed, or of a log that was cut off. A file that is no
    longer as the database noted it is written again. Raises Damaged if neither goes on where the
    other ends.
    """
    file = store.decisions
    assert file is not None
    there, noted = file.look(), journal.noted(store)
    begin = summed(file.path, until=noted.size) if there and noted else Sum()
    damaged = there and begin != (noted or Sum())
    # All that was noted is in the database: a file of the same length has nothing that it lacks.
    useless = damaged and noted is not None and file.path.stat().st_size == noted.size
    last = _last(store, file.path, cut=not damaged) if there and not useless else None
    with store.write() as cursor:
        stored = journal.next_number(cursor) - 1
        if last is None:
            aside = damaged or (there and not journal.is_empty(file.path))
            journal.write(store, cursor, aside)
            return
        if last.number > stored:
            if (taken := take(cursor, file.path, stored)) is None:
                raise _disagree(store)
            damaged |= taken.renumbered
        elif not _has(cursor, last):
            raise _disagree(store)
        if damaged:
            journal.write(store, cursor, aside=True)
            return
        file.take(summed(file.path, begin))
        if last.number < stored:
            journal.record(store, cursor, last.number + 1)
        else:
            journal.renew(store, cursor)


def _last(store: Store, path: Path, cut: bool) -> Logged | None:
    """The last whole action of the file; `cut`: an end that was cut off is removed."""
    assert store.decisions is not None
    with path.open("rb") as content:
        size = os.fstat(content.fileno()).st_size
        if (last := journal.last(content, size)) is not None:
            return last
    end, last = 0, None
    for transaction in transactions(path):
        end, last = transaction.end, transaction.actions[-1]
    if last is not None and cut:
        store.decisions.cut(end)
    return last


def _has(cursor: Any, action: Logged) -> bool:
    return journal.logged(cursor, Span(action.number, action.number)) == [action]


def _disagree(store: Store) -> Damaged:
    assert store.decisions is not None
    return Damaged(
        f"{store.path} and {store.decisions.path.name} hold different decisions: one of them is "
        "of another run or an old copy. Move away the file to keep the decisions of the database, "
        f"or the database: then {problems.advice(store.path)}"
    )


# ---------------------------------------------------------------- reading


def transactions(path: Path) -> Iterator[Transaction]:
    """What the file holds. Lines that cannot be read are left out and counted; lines after the
    last whole transaction were never saved, and are left out."""
    rows: list[JournalRow] = []
    damaged = end = 0
    with path.open("rb") as content:
        while line := content.readline(_MAX_LINE):
            end += len(line)
            row = _row(line)
            if row is None:
                damaged += end > len(line) or not line.startswith(b'{"seal_tui"')
                continue
            rows.append(row)
            if row.actions:
                yield Transaction(rows, _with_lost(rows, row.actions), end, damaged)
                rows, damaged = [], 0


def _row(line: bytes) -> JournalRow | None:
    if not line.endswith(b"\n"):
        return None
    try:
        row = msgspec.json.decode(line, type=JournalRow)
        check_row(row)
        for action in row.actions:
            check_author(action.author)
            check_session(action.session)
            microseconds(action.time)
        if all(a.kind in _KINDS and 0 <= a.number < _MAX_NUMBER for a in row.actions):
            return row
    except (msgspec.DecodeError, BadInput):
        pass
    return None


def _with_lost(rows: list[JournalRow], actions: tuple[Logged, ...]) -> tuple[Logged, ...]:
    """The actions, with those before them whose own line of actions was damaged: these count as
    imported, and cannot be undone."""
    known = {action.number for action in actions}
    counts: dict[int, int] = {}
    first: dict[int, JournalRow] = {}
    for row in rows:
        if row.group not in known:
            counts[row.group] = counts.get(row.group, 0) + 1
            first.setdefault(row.group, row)
    lost = tuple(
        Logged(
            number=number,
            time=first[number].time,
            author=first[number].author,
            study="",
            kind="import",
            target=number,
            blind=first[number].blind,
            summary="recovered",
            pairs=count,
        )
        for number, count in counts.items()
    )
    return (*lost, *actions)


# ---------------------------------------------------------------- taking


def take(cursor: Any, path: Path, after: int = -1) -> Taken | None:
    """Take the actions after this number from the file, in the caller's transaction; None if it
    does not hold that action as the database does.

    Actions keep their numbers, unless damage has left two with the same.
    """
    taken = Taken()
    agrees = after < 0
    numbers: dict[int, int] = {}  # in the file → in the database
    highest = after
    for rows, actions, _, damaged in transactions(path):
        taken.damaged += damaged
        agrees = agrees or any(a.number == after and _has(cursor, a) for a in actions)
        new: list[Logged] = []
        for action in actions:
            if action.number <= after:
                continue
            number = action.number if action.number > highest else highest + 1
            taken.renumbered |= number != action.number
            highest = numbers[action.number] = number
            new.append(action)
        mine = {action.number for action in new}
        kept = [row for row in rows if row.group in mine]
        counts = Counter(row.group for row in kept)
        # An action of which no line is left did nothing; the file is written anew without it.
        taken.renumbered |= any(not counts[action.number] for action in new)
        new = [action for action in new if counts[action.number]]
        if new:
            _put(cursor, kept, new, numbers, counts)
            taken.actions += len(new)
            taken.decisions += len(kept)
    attach(cursor)
    return taken if agrees else None


def _put(
    cursor: Any,
    rows: list[JournalRow],
    actions: list[Logged],
    numbers: dict[int, int],
    counts: Counter[int],
) -> None:
    """Log these actions, whose decisions wait for their texts."""
    import pyarrow

    table = incoming(rows)
    groups = pyarrow.array([numbers[row.group] for row in rows], pyarrow.int32())
    cursor.register("taken", table.append_column("action_no", groups))
    cursor.execute(
        "INSERT INTO waiting SELECT action_no, source_id, chosen_sha, rejected_sha, "
        "old::mark_state, new::mark_state FROM taken"
    )
    cursor.unregister("taken")
    times = [microseconds(action.time) for action in actions]
    columns = {
        "action_no": [numbers[action.number] for action in actions],
        "time": pyarrow.array(times, pyarrow.timestamp("us")),
        "target": [numbers.get(a.target, numbers[a.number]) for a in actions],
        "pairs": [counts[action.number] for action in actions],
    }
    for name in ("author", "study", "kind", "blind", "summary", "session"):
        columns[name] = [getattr(action, name) for action in actions]
    insert(cursor, "actions", columns)


# ---------------------------------------------------------------- recovering


def recover(folder: Path, force: bool = False) -> Recovered:
    """Make a new database with the decisions of the file, if the old one is damaged or gone; the
    old one is set aside. `force`: also if nothing is found to be wrong with it.

    Raises NotFound if there is nothing to recover, Damaged if the decisions cannot be read.
    """
    path, decisions = folder / DATABASE, folder / DECISIONS
    if not (path.exists() or decisions.exists()):
        raise NotFound(f"{folder} has neither {DATABASE} nor {DECISIONS}: nothing to recover")
    problem = "a new one was asked for" if force else ""
    notices: list[str] = []
    try:
        with closing(open_store(folder)) as store:  # which also writes what the file may lack
            notices = store.notices
            check.check(store)
            check.check_indexes(store)
    except Damaged as error:
        problem = str(error)
    if not problem:
        return Recovered(notices=tuple(notices))
    if not decisions.exists():
        raise Damaged(
            f"{path} is damaged, and its decisions can no longer be read; older versions kept them "
            f"nowhere else: run the study in another folder, or bring back a copy of {DATABASE}"
        )
    scratch = path.with_name(f"{path.name}.recovering")
    for stale in (scratch, problems.log_of(scratch)):  # left by a process that was killed
        stale.unlink(missing_ok=True)
    with closing(Store(scratch)) as store, store.write() as cursor:
        taken = take(cursor, decisions)
        assert taken is not None
        filters = saved_filters.bring_back(cursor, folder / saved_filters.FILE)
        note = {"problem": problem, "actions": taken.actions, "decisions": taken.decisions}
        cursor.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [RECOVERED, msgspec.json.encode(note).decode()],
        )
    if problems.log_of(scratch).exists():  # not all of it came into the file
        raise MachineError(
            f"{scratch} cannot be written: the disk is full or failing; nothing was changed: free "
            "some space and try again"
        )
    aside = [name.name for name in _set_aside(path)]
    os.rename(scratch, path)
    if taken.damaged or taken.renumbered:
        aside.append(set_aside(decisions).name)
    open_store(folder).close()
    return Recovered(
        problem=problem,
        actions=taken.actions,
        decisions=taken.decisions,
        damaged_lines=taken.damaged,
        filters=filters,
        aside=tuple(aside),
        notices=tuple(notices),
    )


def _set_aside(path: Path) -> Iterator[Path]:
    """Set a database and its log aside, under names that still belong together."""
    aside = None
    with suppress(FileNotFoundError):
        yield (aside := set_aside(path))
    log = problems.log_of(path)
    if log.exists():
        if aside is None:
            yield set_aside(log)
        else:
            os.rename(log, problems.log_of(aside))
            yield problems.log_of(aside)
