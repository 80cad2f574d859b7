"""How much memory a large dataset takes, and what is held to a limit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest

from engine import memory
from engine import study as studies
from engine.data import Pair, Reject
from engine.errors import BadInput
from engine.run import ingest
from engine.run.stages.ingest import put
from engine.store import Store, database
from engine.store.database import insert
from tests.engine.studies import write_pairs, write_study


def noise(seed: int, size: int) -> str:
    """Text that no database makes shorter."""
    return random.Random(seed).randbytes(size // 2).hex()


def test_what_a_transaction_inserts_is_not_kept_beside_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "seal.duckdb")
    before = pyarrow.total_allocated_bytes()
    with store.write() as cursor:
        for part in range(8):
            names = [f"{part}-{n}-{noise(n, 2_000)}" for n in range(500)]
            insert(cursor, "meta", {"key": names, "value": names})
        assert pyarrow.total_allocated_bytes() - before < 2 << 20
    store.close()


@pytest.mark.parametrize(
    ("least", "attempts"), [pytest.param(20, 1, id="commit"), pytest.param(8, 2, id="insertion")]
)
def test_pairs_whose_indexes_need_more_memory_than_is_usual_are_stored(
    least: int, attempts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STORING", least << 20)
    monkeypatch.setattr(database, "PER_PAIR", 0)
    rows = [
        {"id": noise(n, 3_000), "prompt": f"What is {n}?", "chosen": "A number.", "rejected": "No."}
        for n in range(1_500)
    ]
    study = studies.load(write_study(tmp_path))
    write_pairs(tmp_path / "pairs.jsonl", rows)
    source = ingest.read(study)
    store = Store(tmp_path / "seal.duckdb")
    begun = []

    def items() -> Iterator[Pair | Reject]:
        begun.append(True)
        return source.items()

    put(store, source, "", items)
    assert len(begun) == attempts
    found = store.read("SELECT source_id FROM pairs ORDER BY pair_id").fetchall()
    assert found == [(row["id"],) for row in rows]
    store.close()


@pytest.mark.parametrize("planted", ["folder", "link", "file"])
def test_what_a_killed_engine_left_beside_the_database_is_removed(
    planted: str, tmp_path: Path
) -> None:
    spill, other = tmp_path / "seal.duckdb.tmp", tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    if planted == "link":
        spill.symlink_to(other)
    elif planted == "file":
        spill.touch()
    else:
        spill.mkdir()
        (spill / "duckdb_temp_storage-0.tmp").touch()
    Store(tmp_path / "seal.duckdb").close()
    assert not spill.is_symlink() and not spill.exists()
    assert (other / "kept").exists()


@pytest.mark.parametrize(
    ("groups", "files", "least"),
    [
        ("0::/a/b\n", {"a/memory.max": "5000", "a/b/memory.max": "max"}, 5000),
        ("4:memory:/a\n0::/\n", {"memory/memory.limit_in_bytes": "7000"}, 7000),
        ("9:cpu:/a\n", {"cpu/memory.max": "1"}, None),
        ("", {}, None),
    ],
)
def test_a_control_group_limits_the_memory(
    groups: str,
    files: dict[str, str],
    least: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    monkeypatch.setattr(memory, "_groups", lambda: groups)
    assert memory.allowed() >= 1 << 30 if least is None else memory.allowed() == least


def test_a_search_that_takes_too_long_is_given_up_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "seal.duckdb")
    monkeypatch.setattr(database, "LONGEST_S", 0.2)
    endless = "SELECT count(*) FROM range(10_000_000_000) AS a WHERE hash(a.range) = 1"
    with pytest.raises(BadInput, match=r"given up after 0.2 s: search for fewer words"):
        store.reading().rows(endless)
    assert store.reading().rows("SELECT 1") == [(1,)]
    store.close()
