"""Run folders of version 0.1.0: opened, whole, and changed only as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from engine.errors import MachineError
from engine.results import flat
from engine.service import Engine
from engine.store import Store
from engine.store.migrations import CURRENT, MIGRATIONS
from engine.wire.messages import (
    ExportFormat,
    ExportRequest,
    LogRequest,
    PairQuery,
    ProgressRequest,
    RewriteQuery,
    UndoRequest,
)
from tests import records
from tests.engine.old_runs import NAMES, answers, unpack
from tests.engine.studies import until

MEASURES = ("measured", "complete", "started", "schema", "program")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return unpack("recorded", tmp_path / "elsewhere")


@pytest.fixture(params=NAMES, scope="module")
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, dict[str, Any]]]:
    """The engine of an old run folder, and what version 0.1.0 answered about it."""
    engine = Engine(unpack(request.param, tmp_path_factory.mktemp(request.param)))
    yield engine, answers(request.param)
    engine.close()


def same(new: Any, old: Any) -> bool:
    """Whether everything that 0.1.0 answered is still there; fields may have been added."""
    new = msgspec.to_builtins(new)
    match old:
        case dict():
            return all(key in new and same(new[key], value) for key, value in old.items())
        case list():
            return len(new) == len(old) and all(same(*both) for both in zip(new, old, strict=True))
        case "human":  # the role that is called user now
            return new == "user"
        case float():
            return new == pytest.approx(old, rel=1e-9, abs=1e-12)
        case _:
            return bool(new == old)


# ---------------------------------------------------------------- the answers of 0.1.0


def test_the_measures_are_what_they_were(opened: tuple[Engine, dict[str, Any]]) -> None:
    engine, was = opened
    tables = flat.tables(engine.metrics().tables)
    records.drop_own_threshold(tables, engine.info().min_cosine)  # the curves got a point since
    for name, rows in was["metrics"]["tables"].items():
        assert same(tables[name], rows), name
    assert same(engine.plots(), was["plots"])
    assert engine.status().state == "done"
    assert not engine.info().changed


def test_pairs_rewrites_and_filters_are_what_they_were(
    opened: tuple[Engine, dict[str, Any]],
) -> None:
    engine, was = opened
    browser = engine.browser()
    for pair in was["pairs"]:
        assert same(browser.pair(pair["row"]["pair_id"], "ada"), pair)
    assert len(browser.rewrite_ids(RewriteQuery()).ids) == len(was["rewrites"]) > 0
    for rewrite in was["rewrites"]:
        assert same(browser.rewrite(rewrite["row"]["rewrite_id"]), rewrite)
    assert len(was["filters"]) == 10
    for text, ids in was["filters"].items():
        assert list(browser.pair_ids(PairQuery(filter=text, author="ada")).ids) == ids, text
    assert same(engine.rejects(), was["rejects"])


def test_what_old_data_did_not_say_is_nowhere_and_nothing_fails(
    opened: tuple[Engine, dict[str, Any]],
) -> None:
    browser = opened[0].browser()
    everything = browser.pair_ids(PairQuery()).ids
    nothing = ("is:grouped", "group:0", "votes:agree", "votes:split", "votes:one", "annotator:ann")
    numbers = ("margin_human", "score_chosen", "score_rejected", "score_gap")
    for text in (*nothing, "model:a", *(f"{name}>-1e9" for name in numbers)):
        assert browser.pair_ids(PairQuery(filter=text)).ids == (), text
    assert browser.pair_ids(PairQuery(filter="votes:none")).ids == everything
    for sort in ("margin_human", "votes", "group", "score_gap"):
        assert set(browser.pair_ids(PairQuery(sort=sort)).ids) == set(everything)
    pair = browser.pair(everything[0])
    assert (pair.row.group, pair.row.votes, pair.row.margin_human) == (None, None, None)
    assert pair.source is not None
    assert (pair.source.layout, pair.source.extras, pair.source.group_size) == ("", {}, 0)
    assert opened[0].metrics().tables.resistance_by_votes == ()


def test_every_decision_is_what_it_was(opened: tuple[Engine, dict[str, Any]]) -> None:
    engine, was = opened
    assert same(engine.mark_log(LogRequest(limit=100)), was["log"])
    assert same(list(engine.ledger()), was["ledger"])
    assert {row["author"] for row in was["ledger"]} == {"ada", "ben"}
    assert same(engine.agreement(), was["agreement"])
    assert same(engine.saved_filters(), was["saved_filters"])
    asked = ProgressRequest(filter="", author="ada")
    assert same(engine.mark_progress(asked), was["progress"])


def test_undo_and_redo_go_on_where_they_were(old: Path) -> None:
    engine = Engine(old)
    try:
        ada = UndoRequest(author="ada")
        assert engine.undo(ada).summary.startswith("undone: discuss on pair ")
        assert engine.undo(ada).summary.startswith("undone: flag on pair ")
        assert engine.redo(ada).summary.startswith("redone: flag on pair ")
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("trl", "a.jsonl"),
        ("trl-messages", "a.jsonl"),
        ("kto", "a.jsonl"),
        ("hub", "a"),
        ("csv", "a.csv"),
        ("ledger", "a.jsonl"),
        ("report", "a.html"),
    ],
)
def test_every_export_needs_the_folder_alone(
    form: ExportFormat, name: str, opened: tuple[Engine, dict[str, Any]], tmp_path: Path
) -> None:
    engine, _ = opened
    path = tmp_path / name
    engine.export(ExportRequest(format=form, path=str(path), author="ada"))
    until(lambda: not engine.exports.running, "the export ends")
    assert engine.exports.status().state == "done", engine.exports.status().error
    assert path.exists()


def test_another_way_to_measure_needs_the_folder_alone(old: Path) -> None:
    study = json.loads((old / "study.json").read_text())
    study["measures"] |= {"tie_policy": "exclude", "preset": "pooled-clustered"}
    (old / "study.json").write_text(json.dumps(study))
    engine = Engine(old)
    try:
        found = engine.metrics()
        assert found.preset == "pooled-clustered"
        rows = msgspec.to_builtins(found)["tables"]["alignment"]
        assert {row["tie_policy"] for row in rows} == {"exclude"}
        assert not engine.info().changed
    finally:
        engine.close()


# ---------------------------------------------------------------- the schema


def schema(path: Path) -> dict[str, list[Any]]:
    """Tables, columns, constraints, types, macros and views, without what measures bring."""
    with duckdb.connect(str(path), read_only=True) as connection:

        def rows(query: str) -> list[Any]:
            return connection.execute(query).fetchall()

        own = "table_name NOT LIKE 'metric_%' AND table_name NOT IN ('pair_facts', 'rewrite_facts')"
        return {
            "tables": rows(f"SELECT table_name, sql FROM duckdb_tables() WHERE {own} ORDER BY ALL"),
            "columns": rows(
                "SELECT table_name, column_index, column_name, data_type, is_nullable, "
                f"column_default FROM duckdb_columns() WHERE {own} AND NOT internal ORDER BY ALL"
            ),
            "constraints": rows(
                "SELECT table_name, constraint_type, constraint_text FROM duckdb_constraints() "
                f"WHERE {own} ORDER BY ALL"
            ),
            "views": rows(
                "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY 1"
            ),
            "macros": rows(
                "SELECT function_name, parameters, macro_definition FROM duckdb_functions() "
                "WHERE NOT internal ORDER BY 1"
            ),
            "types": rows(
                "SELECT type_name, logical_type FROM duckdb_types() WHERE NOT internal ORDER BY 1"
            ),
            "indexes": rows("SELECT index_name, sql FROM duckdb_indexes() ORDER BY 1"),
        }


@pytest.mark.parametrize("name", NAMES)
def test_a_migrated_database_has_exactly_the_current_schema(name: str, tmp_path: Path) -> None:
    old = unpack(name, tmp_path)
    Store(old / "seal.duckdb").close()
    Store(tmp_path / "new.duckdb").close()
    migrated, new = schema(old / "seal.duckdb"), schema(tmp_path / "new.duckdb")
    assert len(new["tables"]) > 10 < len(new["constraints"])
    assert new["views"] and new["macros"] and new["types"]
    for kind, rows in new.items():
        assert migrated[kind] == rows, kind


def test_migrations_are_numbered_without_gaps() -> None:
    assert list(MIGRATIONS) == list(range(min(MIGRATIONS), CURRENT + 1))


def contents(path: Path, columns: dict[str, list[str]] | None = None) -> dict[str, list[Any]]:
    """Every row of every table; of these `columns` alone, if given (table → columns)."""
    with duckdb.connect(str(path), read_only=True) as connection:
        if columns is None:
            columns = table_columns(path)
        found = {}
        for table, names in columns.items():
            chosen = ", ".join(f'"{name}"' for name in names)
            query = f"SELECT {chosen} FROM {table} ORDER BY ALL"
            found[table] = connection.execute(query).fetchall()
        return found


def table_columns(path: Path) -> dict[str, list[str]]:
    """The columns of every table, in their order."""
    with duckdb.connect(str(path), read_only=True) as connection:
        query = (
            "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
            "WHERE table_name IN (SELECT table_name FROM duckdb_tables()) GROUP BY 1 ORDER BY 1"
        )
        return dict(connection.execute(query).fetchall())


def test_no_row_is_lost_or_changed(old: Path) -> None:
    path = old / "seal.duckdb"
    columns = table_columns(path)
    columns["texts"].remove("context")  # it is the transcript without the response
    before = contents(path, columns)
    Store(path).close()
    columns["producers"] = columns.pop("makers")
    names = {"maker": "producer", "said": "summary"}
    renamed = {
        table: [names.get(name, name) for name in of] if table != "texts" else of
        for table, of in columns.items()
    }
    after = contents(path, renamed)
    after["makers"] = after.pop("producers")
    for tables in (before, after):
        tables["meta"] = [row for row in tables["meta"] if row[0] not in MEASURES]
    assert after == before


KILLED = """
import os, sys
from pathlib import Path
from engine.store import Store, migrations

number, at = int(sys.argv[2]), int(sys.argv[3])

class Counting:
    def __init__(self, cursor):
        self.cursor, self.left = cursor, at

    def execute(self, *given):
        if self.left == 0:
            os._exit(9)
        self.left -= 1
        return self.cursor.execute(*given)

original = migrations.MIGRATIONS[number]
migrations.MIGRATIONS[number] = lambda cursor, folder: original(Counting(cursor), folder)
if at == 100:  # after the commit
    migrations.put_version = lambda cursor, schema: (cursor.commit(), os._exit(9))
if at == 101:
    migrations.os.replace = lambda *_: os._exit(9)
Store(Path(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("migration", "statement"), [(4, 1), (4, 14), (5, 1), (5, 9), (5, 19), (5, 100), (5, 101)]
)
def test_a_migration_that_is_killed_loses_nothing(
    migration: int, statement: int, old: Path
) -> None:
    path = old / "seal.duckdb"
    before = contents(path)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(migration), str(statement)],
        capture_output=True,
    )
    assert killed.returncode == 9, killed.stderr
    assert contents(path) == before
    engine = Engine(old)
    try:
        was = answers("recorded")
        assert same(flat.tables(engine.metrics().tables), was["metrics"]["tables"])
        assert same(engine.mark_log(LogRequest(limit=100)), was["log"])
    finally:
        engine.close()
    assert not list(old.glob("*.upgrade*"))


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = MIGRATIONS[CURRENT]

    def fails(cursor: Any, folder: Path) -> None:
        original(cursor, folder)
        cursor.execute("ALTER TABLE nothing RENAME TO something")

    path = old / "seal.duckdb"
    before = contents(path)
    monkeypatch.setitem(MIGRATIONS, CURRENT, fails)
    with pytest.raises(MachineError, match=rf"migrated to schema {CURRENT}: .*unchanged") as caught:
        Store(path)
    assert "\n" not in str(caught.value)
    assert contents(path) == before
    assert not list(old.glob("*.upgrade*"))
    monkeypatch.undo()
    Store(path).close()


def test_a_database_of_a_newer_program_names_both_and_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "seal.duckdb"
    store = Store(path)
    store.put_meta("schema", "999")
    store.put_meta("program", "7.1.0")
    store.close()
    before = path.read_bytes()
    with pytest.raises(MachineError, match=r"seal-tui 7\.1\.0 \(schema 999\), this is seal-tui 0"):
        Store(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "seal.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE meta (something INTEGER)")
    with pytest.raises(MachineError, match="is not a database that seal-tui"):
        Store(path)
