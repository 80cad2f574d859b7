"""Where an export may be written, what it does not touch, and what an aborted one leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.data.reviewed import ReviewedPair
from engine.errors import BadInput, Busy
from engine.export.formats import FORMATS
from engine.export.formats.base import Row
from engine.export.formats.trl import Trl
from engine.service import Engine
from engine.wire.messages import ExportRequest
from tests.engine.studies import until

from .conftest import PAIRS, Export, decide, read


def export_to(engine: Engine, path: object, form: str = "trl", **settings: Any) -> None:
    request = ExportRequest(format=form, path=str(path), **settings)  # type: ignore[arg-type]
    engine.export(request)
    engine.exports.join()


def refusal(engine: Engine, path: object, form: str = "trl", **settings: Any) -> str:
    with pytest.raises(BadInput) as error:
        export_to(engine, path, form, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def names(folder: Path) -> set[str]:
    return {inner.name for inner in folder.iterdir()}


def test_an_existing_export_is_replaced_only_with_overwrite(
    export: Export, decided: Engine, tmp_path: Path
) -> None:
    _, path = export("trl", "a.jsonl")
    before = path.read_bytes()
    assert f"{path} exists" in refusal(decided, path)
    assert path.read_bytes() == before
    export_to(decided, path, overwrite=True)
    assert path.read_bytes() != before
    assert names(tmp_path) == {"run", "a.jsonl", "a.jsonl.provenance.json"}


def test_an_existing_sidecar_is_not_replaced_either(engine: Engine, tmp_path: Path) -> None:
    sidecar = tmp_path / "a.jsonl.provenance.json"
    sidecar.write_text("mine")
    assert str(sidecar) in refusal(engine, tmp_path / "a.jsonl")
    assert names(tmp_path) == {"run", sidecar.name}


def test_a_relative_path_is_inside_the_exports_folder(engine: Engine, run: Path) -> None:
    export_to(engine, "a.parquet")
    assert len(read(run / "exports" / "a.parquet")) == PAIRS
    assert (run / "exports").stat().st_mode & 0o777 == 0o700


def test_exports_are_readable_by_their_owner_only(export: Export, tmp_path: Path) -> None:
    export("hub", "set")
    export("csv", "a.csv")
    for inner in (tmp_path / "set", *(tmp_path / "set").rglob("*"), *tmp_path.glob("a.csv*")):
        assert inner.stat().st_mode & 0o077 == 0, inner


@pytest.mark.parametrize(
    "path", ["../a.jsonl", "sub/../../a.jsonl", "out/a.jsonl", "..", "", "a\0"]
)
def test_a_relative_path_cannot_leave_the_exports_folder(
    engine: Engine, run: Path, tmp_path: Path, path: str
) -> None:
    (run / "exports" / "sub").mkdir(parents=True)
    (run / "exports" / "out").symlink_to(tmp_path)
    before = names(run)
    refusal(engine, path)
    assert names(tmp_path) == {"run"}
    assert names(run) == before


@pytest.mark.parametrize("name", ["a.jsonl", "seal.parquet", "models/a.jsonl"])
def test_the_rest_of_the_run_folder_is_refused(engine: Engine, run: Path, name: str) -> None:
    (run / "models").mkdir(exist_ok=True)
    before = names(run)
    assert "inside the run folder" in refusal(engine, run / name, overwrite=True)
    assert names(run) == before


def test_the_run_folder_is_refused_through_a_link_too(
    engine: Engine, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(run)
    assert "inside the run folder" in refusal(engine, tmp_path / "link" / "a.jsonl")


def test_a_link_is_neither_followed_nor_replaced(engine: Engine, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    link = tmp_path / "a.jsonl"
    link.symlink_to(precious)
    assert "is a symbolic link" in refusal(engine, link, overwrite=True)
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "nowhere")
    assert "is a symbolic link" in refusal(engine, tmp_path / "b.jsonl", overwrite=True)
    assert (precious.read_text(), link.is_symlink()) == ("mine", True)


def test_only_regular_files_are_replaced(engine: Engine, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    assert "not a regular file" in refusal(engine, tmp_path / "a.jsonl", overwrite=True)
    (tmp_path / "b.jsonl").mkdir()
    assert "not a regular file" in refusal(engine, tmp_path / "b.jsonl", overwrite=True)


def test_the_parent_folder_must_exist(engine: Engine, tmp_path: Path) -> None:
    assert "create it first" in refusal(engine, tmp_path / "gone" / "a.jsonl")
    (tmp_path / "file").write_text("")
    assert "create it first" in refusal(engine, tmp_path / "file" / "a.jsonl")


def test_a_suffix_of_another_format_is_refused(engine: Engine, tmp_path: Path) -> None:
    assert ".csv" in refusal(engine, tmp_path / "a.jsonl", "csv")
    assert ".md or .html" in refusal(engine, tmp_path / "a.txt", "report")


def test_a_folder_is_replaced_only_if_it_contains_nothing_but_an_export(
    engine: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    export_to(engine, folder, "hub")
    assert "exists" in refusal(engine, folder, "hub")
    export_to(engine, folder, "hub", overwrite=True)
    assert len(read(folder)) == PAIRS
    (folder / "notes.txt").write_text("mine")
    assert "notes.txt" in refusal(engine, folder, "hub", overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine"
    assert names(tmp_path) == {"run", "set"}
    assert "contains files other than an export" in refusal(engine, tmp_path, "hub", overwrite=True)


# ---------------------------------------------------------------- aborted exports


class Gate:
    """Blocks an export at its first pair until `open` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

        def rows(pair: ReviewedPair) -> list[Row]:
            self.reached.set()
            assert self.open.wait(60)
            return Trl().rows(pair)

        monkeypatch.setattr(FORMATS["trl"], "rows", rows)


def test_a_cancelled_export_leaves_nothing(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    path = tmp_path / "a.jsonl"
    engine.export(ExportRequest(format="trl", path=str(path)))
    assert gate.reached.wait(60)
    assert engine.exports.status().state == "running"
    with pytest.raises(Busy):
        engine.export(ExportRequest(format="trl", path=str(tmp_path / "b.jsonl")))
    canceller = threading.Thread(target=engine.exports.cancel)
    canceller.start()
    until(engine.exports._cancel.is_set, "the cancellation arrives", 20)
    gate.open.set()
    canceller.join(60)
    assert engine.exports.status().state == "stopped"
    assert names(tmp_path) == {"run"}
    export_to(engine, path)
    assert len(read(path)) == PAIRS


def test_decisions_made_during_an_export_are_not_in_it(
    decided: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    path = tmp_path / "a.jsonl"
    decided.export(ExportRequest(format="trl", path=str(path), author="kim"))
    assert gate.reached.wait(60)
    decide(decided, tuple(range(PAIRS)), verdict="drop")
    gate.open.set()
    decided.exports.join()
    status = decided.exports.status()
    assert (status.state, status.done, status.total) == ("done", PAIRS - 3, PAIRS - 3)


CHILD = """
import resource, sys, threading
from pathlib import Path
from engine.store import exports
from engine.export.formats import FORMATS
from engine.service import Engine
from engine.wire.messages import ExportRequest

run, path, mode = sys.argv[1:]
engine = Engine(Path(run))
if mode == "hang":
    rows = FORMATS["trl"].rows
    def hang(pair):
        if pair.pair_id == 20:
            print("half", flush=True)
            threading.Event().wait()
        return rows(pair)
    FORMATS["trl"].rows = hang
    exports.PAGE = 5
else:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
engine.export(ExportRequest(format="trl", path=path))
engine.exports.join()
print(engine.exports.status().state, engine.exports.status().error, flush=True)
"""


def child(run: Path, path: Path, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(run), str(path), mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_killed_export_leaves_no_partial_file_and_the_next_one_cleans_up(
    run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    with child(run, path, "hang") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.kill()
    assert not path.exists()
    assert len(names(tmp_path)) == 2  # the run, and a hidden temporary file
    engine = Engine(run)
    try:
        export_to(engine, path)
    finally:
        engine.close()
    assert names(tmp_path) == {"run", path.name, f"{path.name}.provenance.json"}
    assert len(read(path)) == PAIRS


def test_a_full_disk_is_one_line_and_leaves_nothing(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with child(run, path, "full") as process:
        output, _ = process.communicate(timeout=120)
    assert output.startswith(f"failed {path} cannot be written: ")
    assert names(tmp_path) == {"run"}
