"""decisions.jsonl: on disk with every decision, and enough to make the database again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.errors import Damaged, MachineError, NotFound
from engine.export import ledger as ledger_file
from engine.service import Engine
from engine.store import Store, journal, marks, saved_filters, steps
from engine.store.appended import Appended, summed
from engine.store.ledger import import_ledger, ledger
from engine.store.recovery import DATABASE, DECISIONS, open_store, recover
from engine.wire.messages import (
    MarkChange,
    MarkRequest,
    RedoRequest,
    SavedFilter,
    SaveFilter,
    UndoRequest,
)
from tests.engine.planted import pairs
from tests.engine.studies import prepare, write_study
from tests.pairs import put

COUNT = 4


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with pairs and decisions of two authors: changes, an undo, a redo and an import."""
    folder = tmp_path / "a run"
    folder.mkdir()
    with closing(open_store(folder)) as store:
        put(store, "d", pairs(COUNT))
        mark(
            store,
            0,
            1,
            verdict="flip",
            note="two\nlines \x1b[2J \u2028 \u202e \x9b é",
            add_tags=("b", "a"),
        )
        mark(store, 1, author="bo", flag="on", blind=True)
        mark(store, 2, verdict="drop")
        steps.undo(store, UndoRequest(author="ann"), "s")
        mark(store, 3, author="bo", verdict="tie")
        steps.undo(store, UndoRequest(author="bo"), "s")
        steps.redo(store, RedoRequest(author="bo"), "s")
        row = next(ledger(store))
        import_ledger(store, [row.__class__(**{**fields(row), "author": "cy", "time": 5.25})], "s")
    return folder


def fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def mark(store: Store, *ids: int, author: str = "ann", blind: bool = False, **change: Any) -> None:
    request = MarkRequest(pair_ids=ids, change=MarkChange(**change), author=author, blind=blind)
    assert marks.change(store, request, "s").changed


def state(store: Store) -> dict[str, list[Any]]:
    """All that is known of decisions."""
    tables = {
        name: store.read(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
        for name in ("actions", "decisions", "marks", "waiting")
    }
    return {**tables, "ledger": list(ledger(store))}


def states(folder: Path) -> dict[str, list[Any]]:
    with closing(open_store(folder)) as store:
        return state(store)


def damage(folder: Path) -> None:
    """Makes a database that cannot be opened."""
    path = folder / DATABASE
    path.write_bytes(b"\0" * path.stat().st_size)


def forget_sum(cursor: Any) -> None:
    """As a folder of a program that did not note the sum of its decisions.jsonl."""
    cursor.execute("DELETE FROM meta WHERE key LIKE 'decisions%'")


# ---------------------------------------------------------------- the file


def test_the_file_is_a_ledger_that_another_run_can_import(run: Path, tmp_path: Path) -> None:
    assert (run / DECISIONS).stat().st_mode & 0o777 == 0o600
    rows = list(ledger_file.read(run / DECISIONS))
    with closing(open_store(run)) as store:
        assert sorted(rows, key=repr) == sorted(ledger(store), key=repr)
    (tmp_path / "other").mkdir()
    with closing(open_store(tmp_path / "other")) as other:
        put(other, "d", pairs(COUNT))
        assert import_ledger(other, rows, "s").applied == len(rows)


def test_a_decision_is_in_the_file_when_the_call_returns(run: Path) -> None:
    with closing(open_store(run)) as store:
        before = (run / DECISIONS).read_bytes()
        mark(store, 2, verdict="keep")
        after = (run / DECISIONS).read_bytes()
    assert after.startswith(before), "lines are only added"
    assert after[len(before) :].count(b"\n") == 1
    assert not any(c.encode() in after for c in "\x1b\x9b\u202e"), "harmless to look at"


def test_a_decision_that_the_file_has_no_room_for_is_in_neither(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with closing(open_store(run)) as store:
        before, content = state(store), (run / DECISIONS).read_bytes()
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(MachineError, match=r"decisions\.jsonl cannot be written: No space"):
            mark(store, 2, verdict="keep")
        monkeypatch.undo()
        assert (state(store), (run / DECISIONS).read_bytes()) == (before, content)
        mark(store, 2, verdict="keep")
    states(run)


def test_a_decision_that_the_database_refuses_is_taken_back_from_the_file(run: Path) -> None:
    with closing(open_store(run)) as store:
        content = (run / DECISIONS).read_bytes()
        with pytest.raises(ZeroDivisionError), store.write():
            assert store.decisions is not None
            store.decisions.append(b"something\n")
            raise ZeroDivisionError
        assert (run / DECISIONS).read_bytes() == content


def test_a_folder_of_an_older_version_gets_the_file(run: Path) -> None:
    before, content = states(run), (run / DECISIONS).read_bytes()
    (run / DECISIONS).unlink()
    assert states(run) == before
    assert (run / DECISIONS).stat().st_mode & 0o777 == 0o600
    assert sorted(ledger_file.read(run / DECISIONS), key=repr) == sorted(
        _rows(content, run.parent), key=repr
    )
    (run / DATABASE).unlink()
    assert recover(run).actions == len(before["actions"])


def _rows(content: bytes, folder: Path) -> Iterator[Any]:
    (folder / "copy.jsonl").write_bytes(content)
    return ledger_file.read(folder / "copy.jsonl")


def test_decisions_made_without_the_file_are_added_to_it(run: Path) -> None:
    with closing(Store(run / DATABASE)) as store:  # as a program that does not know the file
        mark(store, 2, verdict="keep")
        before = state(store)
    assert states(run) == before
    (run / DATABASE).unlink()
    assert recover(run).actions == len(before["actions"])


def test_a_file_that_is_changed_under_a_running_engine_is_set_aside(run: Path) -> None:
    with closing(open_store(run)) as store:
        with (run / DECISIONS).open("ab") as file:
            file.write(b"not ours\n")
        mark(store, 2, verdict="keep")
        before = state(store)
    assert (run / f"{DECISIONS}.damaged-1").read_bytes().endswith(b"not ours\n")
    (run / DATABASE).unlink()
    assert recover(run).actions == len(before["actions"])


def test_a_first_decision_that_was_cut_off_was_never_saved(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store, store.write() as cursor:
        forget_sum(cursor)
    content = (tmp_path / DECISIONS).read_bytes()
    (tmp_path / DECISIONS).write_bytes(content.replace(b"seal-tui ", b"seal-tui 9.9.9") + b'{"ti')
    open_store(tmp_path).close()
    assert (tmp_path / DECISIONS).read_bytes() == content
    assert not list(tmp_path.glob("*.damaged-*"))


def test_a_file_that_is_removed_under_a_running_engine_is_written_again(run: Path) -> None:
    with closing(open_store(run)) as store:
        (run / DECISIONS).unlink()
        mark(store, 2, verdict="keep")
        before = state(store)
    (run / DATABASE).unlink()
    assert recover(run).actions == len(before["actions"])


@pytest.mark.parametrize("torn", [1, 40, 400])
def test_a_last_line_that_is_cut_off_was_never_saved(run: Path, torn: int) -> None:
    before, content = states(run), (run / DECISIONS).read_bytes()
    line = content.splitlines(keepends=True)[-1]
    (run / DECISIONS).write_bytes(content + line[:torn])
    assert states(run) == before
    assert (run / DECISIONS).read_bytes() == content


def test_decisions_that_a_killed_engine_left_in_the_file_alone_are_taken(run: Path) -> None:
    copy = run.parent / "before.duckdb"
    shutil.copy(run / DATABASE, copy)
    with closing(open_store(run)) as store:
        mark(store, 2, verdict="keep")
        steps.undo(store, UndoRequest(author="ann"), "s")
        before = state(store)
    shutil.copy(copy, run / DATABASE)
    after = states(run)
    assert after == before


def test_a_file_of_another_run_is_told(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with closing(open_store(other)) as store:
        put(store, "d", pairs(COUNT))
        for verdict in ("keep", "drop") * 6:
            mark(store, 0, verdict=verdict)
    shutil.copy(other / DECISIONS, run / DECISIONS)
    with pytest.raises(Damaged, match="hold different decisions"):
        open_store(run)


def test_a_file_that_is_none_is_refused(run: Path) -> None:
    (run / DECISIONS).unlink()
    os.mkfifo(run / DECISIONS)
    with pytest.raises(MachineError, match="is not a file"):
        open_store(run)


def test_what_is_no_ledger_is_set_aside(run: Path) -> None:
    before = states(run)
    (run / DECISIONS).write_bytes(b"nothing of ours\n" * 50)
    assert states(run) == before
    assert (run / f"{DECISIONS}.damaged-1").read_bytes().startswith(b"nothing of ours")
    assert len(list(ledger_file.read(run / DECISIONS))) == len(before["ledger"])


# ---------------------------------------------------------------- changed while no engine runs


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def in_lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    return lambda content: b"".join(change(content.splitlines(keepends=True)))


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte of the first line": lambda content: flip(content, 3),
    "a byte of a note": lambda content: content.replace(b"two", b"twp", 1),
    "a byte in the middle": lambda content: flip(content, len(content) // 2),
    "a byte of the last actions": lambda content: flip(content, content.rindex(b'"kind":"') + 9),
    "the last byte": lambda content: flip(content, len(content) - 1),
    "a line removed": in_lines(lambda lines: [*lines[:3], *lines[4:]]),
    "lines swapped": in_lines(lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]]),
    "a line twice": in_lines(lambda lines: [*lines[:3], lines[2], *lines[3:]]),
    "the last line removed": in_lines(lambda lines: lines[:-1]),
    "cut off in a line": lambda content: content[:-40],
    "cut off in the first decision": lambda content: content[: content.index(b"\n") + 9],
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_to_the_file_is_noticed_at_opening_and_put_right(
    change: Callable[[bytes], bytes], run: Path
) -> None:
    before, harmed = states(run), change((run / DECISIONS).read_bytes())
    (run / DECISIONS).write_bytes(harmed)
    with closing(open_store(run)) as store:
        assert state(store) == before
        [said] = store.notices
    assert f"kept as {DECISIONS}.damaged-1" in said and "\n" not in said
    assert (run / f"{DECISIONS}.damaged-1").read_bytes() == harmed
    with closing(open_store(run)) as store:
        assert not store.notices
    (run / DATABASE).unlink()
    assert recover(run).damaged_lines == 0
    with closing(open_store(run)) as store:
        assert state(store)["ledger"] == before["ledger"]


def test_what_only_a_damaged_file_has_is_taken_before_it_is_set_aside(run: Path) -> None:
    """The database is behind, of a process that was killed, and an early line is damaged."""
    copy = shutil.copy(run / DATABASE, run.parent / "before.duckdb")
    with closing(open_store(run)) as store:
        mark(store, 2, verdict="keep", note="only there")
        before = state(store)
    shutil.copy(copy, run / DATABASE)
    content = (run / DECISIONS).read_bytes()
    (run / DECISIONS).write_bytes(content.replace(b"two", b"twp", 1))
    with closing(open_store(run)) as store:
        assert state(store) == before
        assert store.notices
    (run / DATABASE).unlink()
    assert recover(run).actions == len(before["actions"])


def test_a_change_to_the_file_is_a_warning_of_the_engine(run: Path) -> None:
    prepare(write_study(run.parent / "study"), run)
    (run / DECISIONS).write_bytes(CHANGES["a line removed"]((run / DECISIONS).read_bytes()))
    with closing(Engine(run)) as engine:
        [warning] = engine.status().warnings
        assert warning.startswith(f"{DECISIONS} had been damaged or changed")
        with (run / DECISIONS).open("ab") as file:
            file.write(b"not ours\n")
        change = MarkChange(verdict="keep")
        engine.mark(MarkRequest(pair_ids=(2,), author="ann", change=change))
        assert engine.status().warnings[1].endswith(f"kept as {DECISIONS}.damaged-2")


def test_a_sound_database_with_a_damaged_file_is_told_by_recover(run: Path) -> None:
    (run / DECISIONS).write_bytes(CHANGES["zeros"]((run / DECISIONS).read_bytes()))
    found = recover(run)
    assert (found.problem, len(found.notices)) == ("", 1)


def test_the_file_is_known_again_after_what_failed_and_what_others_wrote(run: Path) -> None:
    with closing(open_store(run)) as store:
        with pytest.raises(ZeroDivisionError), store.write():
            assert store.decisions is not None
            store.decisions.append(b"something\n")
            raise ZeroDivisionError
        mark(store, 2, verdict="keep")
        with store.write() as cursor:
            forget_sum(cursor)
    for _ in range(2):
        with closing(open_store(run)) as store:
            assert not store.notices
    with closing(Store(run / DATABASE)) as store:  # as one that does not know the file
        mark(store, 1, verdict="keep")
    for _ in range(2):
        with closing(open_store(run)) as store:
            assert not store.notices
    (run / DECISIONS).write_bytes(CHANGES["lines swapped"]((run / DECISIONS).read_bytes()))
    with closing(open_store(run)) as store:
        assert store.notices


def test_no_file_is_set_aside_before_the_new_one_is_whole(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that turns out to be damaged then: the old file is all that there is."""

    def fails(*given: Any) -> None:
        raise Damaged("a block cannot be read")

    content = CHANGES["a byte of a note"]((run / DECISIONS).read_bytes())
    (run / DECISIONS).write_bytes(content)
    monkeypatch.setattr(journal, "logged", fails)
    with pytest.raises(Damaged, match="a block"):
        open_store(run)
    assert (run / DECISIONS).read_bytes() == content
    assert not list(run.glob("*.damaged-*"))


# ---------------------------------------------------------------- what others do to the database


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def replace(path: Path) -> None:
    shutil.copy(path, path.with_name("another"))
    os.replace(path.with_name("another"), path)


WAYS: list[tuple[str, Callable[[Path], None]]] = [
    ("was removed", Path.unlink),
    ("was replaced", replace),
    ("was cut short", truncate),
]


@pytest.mark.parametrize(("said", "harm"), WAYS, ids=[said for said, _ in WAYS])
@pytest.mark.parametrize("name", [DATABASE, f"{DATABASE}.wal"])
def test_no_decision_is_called_saved_once_the_database_was_touched(
    run: Path, name: str, said: str, harm: Callable[[Path], None]
) -> None:
    with closing(open_store(run)) as store:
        mark(store, 2, verdict="keep")
        harm(run / name)
        content = (run / DECISIONS).read_bytes()
        with pytest.raises(Damaged, match=f"{said} .*decisions are safe.*recover") as caught:
            mark(store, 3, verdict="keep")
        assert "\n" not in str(caught.value)
        assert (run / DECISIONS).read_bytes() == content
    aside = [path for path in run.iterdir() if path.name.startswith(DATABASE)]
    for path in aside:
        path.unlink()
    assert recover(run).actions == content.count(b'"actions":[')


def test_a_database_removed_in_the_middle_of_a_transaction_is_noticed(run: Path) -> None:
    store = open_store(run)
    with closing(store), pytest.raises(Damaged, match="was removed"), store.write():
        (run / DATABASE).unlink()


@pytest.mark.parametrize(
    ("harm", "said"), [(Path.unlink, "is missing"), (lambda path: os.truncate(path, 0), "is empty")]
)
def test_a_database_that_is_gone_is_not_silently_made_anew(
    run: Path, harm: Callable[[Path], None], said: str
) -> None:
    harm(run / DATABASE)
    with pytest.raises(Damaged, match=f"{said}: .*`seal-tui recover '") as caught:
        open_store(run)
    assert str(run) in str(caught.value)
    assert not (run / DATABASE).exists() or not (run / DATABASE).stat().st_size


def test_a_database_is_read_whole_after_an_engine_was_killed(run: Path) -> None:
    """A block that nobody asks for is damaged: it is told at the start, not weeks later."""
    with closing(open_store(run)) as store, store.write() as cursor:
        cursor.execute("CREATE TABLE spare AS SELECT md5(n::VARCHAR) FROM range(90000) AS t (n)")
    code = (
        "import os, sys; from pathlib import Path; from engine.store.recovery import open_store; "
        "store = open_store(Path(sys.argv[1])); store.put_meta('a', 'b'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, run]).returncode == 9
    assert (run / f"{DATABASE}.wal").exists()
    path = run / DATABASE
    content = bytearray(path.read_bytes())
    with duckdb.connect(str(shutil.copy(path, run.parent / "copy")), read_only=True) as copy:
        [(block,)] = copy.execute(
            "SELECT max(block_id) FROM pragma_storage_info('spare') WHERE block_id >= 0"
        ).fetchall()
    at = 3 * 4096 + block * (1 << 18) + 5000
    content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(Damaged, match="is damaged: `seal-tui recover"):
        open_store(run)


# ---------------------------------------------------------------- recovering


def test_every_decision_comes_back_before_and_with_the_pairs(run: Path) -> None:
    before = states(run)
    damage(run)
    found = recover(run)
    assert "is damaged" in found.problem
    assert (found.actions, found.decisions) == (len(before["actions"]), len(before["decisions"]))
    assert found.aside == (f"{DATABASE}.damaged-1",)
    with closing(open_store(run)) as store:
        early = state(store)
        assert early["actions"] == before["actions"]
        assert early["ledger"] == before["ledger"]
        assert not early["decisions"]
        put(store, "d", pairs(COUNT))
        assert state(store) == before
    assert states(run) == before


def test_undo_goes_on_before_the_pairs_are_read_again(run: Path) -> None:
    with closing(open_store(run)) as store:
        steps.undo(store, UndoRequest(author="bo"), "s")
        steps.undo(store, UndoRequest(author="bo"), "s")
        expected = _timeless(state(store)["marks"])
    for _ in range(2):
        with closing(open_store(run)) as store:
            steps.redo(store, RedoRequest(author="bo"), "s")
    damage(run)
    recover(run)
    with closing(open_store(run)) as store:
        assert steps.undo(store, UndoRequest(author="bo"), "s").changed == 1
        assert steps.undo(store, UndoRequest(author="bo"), "s").changed == 1
        put(store, "d", pairs(COUNT))
        assert _timeless(state(store)["marks"]) == expected
    damage(run)
    recover(run)


def _timeless(rows: list[Any]) -> list[Any]:
    return [tuple(v for v in row if type(v).__name__ != "datetime") for row in rows]


def test_decisions_about_pairs_that_are_not_there_go_on_waiting(run: Path) -> None:
    before = states(run)
    damage(run)
    recover(run)
    with closing(open_store(run)) as store:
        put(store, "half", pairs(2))
        assert 0 < len(state(store)["waiting"]) < len(before["decisions"])
        assert state(store)["ledger"] == before["ledger"]
        put(store, "d", pairs(COUNT))
        assert state(store)["marks"] == before["marks"]
        assert not state(store)["waiting"]


def test_a_sound_database_is_left_alone(run: Path) -> None:
    content = (run / DATABASE).read_bytes()
    assert recover(run).problem == ""
    assert (run / DATABASE).read_bytes() == content
    assert not list(run.glob("*damaged*"))
    assert recover(run, force=True).aside == (f"{DATABASE}.damaged-1",)


def test_a_newer_database_is_never_recovered_from(run: Path) -> None:
    with closing(open_store(run)) as store:
        store.put_meta("schema", "999")
    with pytest.raises(MachineError, match="update seal-tui"):
        recover(run, force=True)
    assert not list(run.glob("*damaged*"))


def test_nothing_to_recover_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing to recover"):
        recover(tmp_path)


def test_of_a_damaged_file_every_line_that_can_be_read_comes_back(run: Path) -> None:
    before = states(run)
    content = (run / DECISIONS).read_bytes().splitlines(keepends=True)
    content[2] = b"#" + content[2]  # of the first action its second line, with its actions
    (run / DECISIONS).write_bytes(b"".join(content))
    damage(run)
    found = recover(run)
    assert found.damaged_lines == 1
    assert found.decisions == len(before["decisions"]) - 1
    assert found.actions == len(before["actions"])
    assert f"{DECISIONS}.damaged-1" in found.aside
    with closing(open_store(run)) as store:
        put(store, "d", pairs(COUNT))
        assert state(store)["marks"]
    damage(run)
    assert recover(run).damaged_lines == 0, "the file was written anew"


def test_values_that_no_mark_can_hold_are_left_out(run: Path) -> None:
    content = (run / DECISIONS).read_bytes()
    (run / DECISIONS).write_bytes(content.replace(b'"author":"bo"', b'"author":"b\\u0007"'))
    damage(run)
    found = recover(run)
    assert found.damaged_lines
    with closing(open_store(run)) as store:
        assert {row.author for row in ledger(store)} == {"ann", "cy"}


def test_what_is_appended_is_taken_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a\n")
    file = Appended(path)
    file.take(summed(path))
    file.append(b"b\n")
    file.take_back()
    assert path.read_bytes() == b"a\n"
    file.append(b"c\n")
    file.settle()
    file.take_back()
    assert path.read_bytes() == b"a\nc\n"
    assert file.sum == summed(path) == summed(path, summed(path, until=1))


# ---------------------------------------------------------------- saved filters


def test_saved_filters_come_back(run: Path) -> None:
    with closing(open_store(run)) as store:
        saved_filters.save(store, SaveFilter(name="mine", filter="note:\u202e"))
        saved_filters.save(store, SaveFilter(name="gone", filter="verdict:flip"))
        saved_filters.save(store, SaveFilter(name="gone", filter=""))
    assert (run / saved_filters.FILE).read_bytes().isascii()
    assert (run / saved_filters.FILE).stat().st_mode & 0o777 == 0o600
    damage(run)
    assert recover(run).filters == 1
    with closing(open_store(run)) as store:
        assert saved_filters.saved(store) == [SavedFilter(name="mine", filter="note:\u202e")]


def test_filters_of_an_older_version_get_their_file(run: Path) -> None:
    with closing(open_store(run)) as store:
        assert not (run / saved_filters.FILE).exists()
        with store.write() as cursor:
            cursor.execute("INSERT INTO filters VALUES ('old', 'verdict:keep')")
    open_store(run).close()
    assert [one.name for one in saved_filters.kept(run / saved_filters.FILE)] == ["old"]


@pytest.mark.parametrize("content", [b"", b"{}", b'[{"name":"x x","filter":"y"}]', b"\xff" * 99])
def test_a_damaged_file_of_filters_stops_no_recovery(content: bytes, run: Path) -> None:
    (run / saved_filters.FILE).write_bytes(content)
    damage(run)
    found = recover(run)
    assert (found.filters, found.decisions > 0) == (0, True)


# ---------------------------------------------------------------- a beginning


@pytest.mark.parametrize("size", [1, 4096, 12_288])
def test_a_database_whose_making_was_cut_off_is_made_again(size: int, tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"\0" * size)
    open_store(tmp_path).close()
    assert (tmp_path / f"{DATABASE}.damaged-1").stat().st_size == size
    (tmp_path / DATABASE).write_bytes(b"\0" * size)
    with pytest.raises(Damaged):  # this one has had decisions
        open_store(tmp_path)
