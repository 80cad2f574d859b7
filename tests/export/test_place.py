"""Where an export may go, what it leaves alone, and what is left when it ends early."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadInput, Busy
from engine.export import job, rows
from engine.service import Engine
from engine.wire.messages import ExportRequest
from tests.engine.studies import until

from .conftest import PAIRS, Export, decide, read


def ask(engine: Engine, path: object, form: str = "trl", **settings: Any) -> None:
    request = ExportRequest(format=form, path=str(path), **settings)  # type: ignore[arg-type]
    engine.export(request)
    engine.exports.join()


def refused(engine: Engine, path: object, form: str = "trl", **settings: Any) -> str:
    with pytest.raises(BadInput) as error:
        ask(engine, path, form, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def left(folder: Path) -> set[str]:
    return {inner.name for inner in folder.iterdir()}


def test_an_export_that_is_there_is_replaced_only_when_told(
    export: Export, decided: Engine, tmp_path: Path
) -> None:
    _, path = export("trl", "a.jsonl")
    before = path.read_bytes()
    assert f"{path} exists" in refused(decided, path)
    assert path.read_bytes() == before
    ask(decided, path, overwrite=True)
    assert path.read_bytes() != before
    assert left(tmp_path) == {"run", "a.jsonl", "a.jsonl.provenance.json"}


def test_a_sidecar_that_is_there_is_not_replaced_either(engine: Engine, tmp_path: Path) -> None:
    sidecar = tmp_path / "a.jsonl.provenance.json"
    sidecar.write_text("mine")
    assert str(sidecar) in refused(engine, tmp_path / "a.jsonl")
    assert left(tmp_path) == {"run", sidecar.name}


def test_a_relative_path_lies_in_the_runs_own_exports(engine: Engine, run: Path) -> None:
    ask(engine, "a.parquet")
    assert len(read(run / "exports" / "a.parquet")) == PAIRS
    assert (run / "exports").stat().st_mode & 0o777 == 0o700


def test_everything_written_is_for_its_owner_alone(export: Export, tmp_path: Path) -> None:
    export("hub", "set")
    export("csv", "a.csv")
    for inner in (tmp_path / "set", *(tmp_path / "set").rglob("*"), *tmp_path.glob("a.csv*")):
        assert inner.stat().st_mode & 0o077 == 0, inner


@pytest.mark.parametrize(
    "path", ["../a.jsonl", "sub/../../a.jsonl", "out/a.jsonl", "..", "", "a\0"]
)
def test_a_relative_path_does_not_lead_out(
    engine: Engine, run: Path, tmp_path: Path, path: str
) -> None:
    (run / "exports" / "sub").mkdir(parents=True)
    (run / "exports" / "out").symlink_to(tmp_path)
    before = left(run)
    refused(engine, path)
    assert left(tmp_path) == {"run"}
    assert left(run) == before


@pytest.mark.parametrize("name", ["a.jsonl", "seal.parquet", "models/a.jsonl"])
def test_the_rest_of_the_run_folder_is_out_of_bounds(engine: Engine, run: Path, name: str) -> None:
    (run / "models").mkdir(exist_ok=True)
    before = left(run)
    assert "run's own folder" in refused(engine, run / name, overwrite=True)
    assert left(run) == before


def test_the_run_folder_is_out_of_bounds_through_a_link_too(
    engine: Engine, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(run)
    assert "run's own folder" in refused(engine, tmp_path / "link" / "a.jsonl")


def test_a_link_in_the_place_is_neither_followed_nor_replaced(
    engine: Engine, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    link = tmp_path / "a.jsonl"
    link.symlink_to(precious)
    assert "is a link" in refused(engine, link, overwrite=True)
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "nowhere")
    assert "is a link" in refused(engine, tmp_path / "b.jsonl", overwrite=True)
    assert (precious.read_text(), link.is_symlink()) == ("mine", True)


def test_what_is_no_plain_file_is_left_alone(engine: Engine, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    assert "no plain file" in refused(engine, tmp_path / "a.jsonl", overwrite=True)
    (tmp_path / "b.jsonl").mkdir()
    assert "no plain file" in refused(engine, tmp_path / "b.jsonl", overwrite=True)


def test_the_folder_must_be_there(engine: Engine, tmp_path: Path) -> None:
    assert "make it first" in refused(engine, tmp_path / "gone" / "a.jsonl")
    (tmp_path / "file").write_text("")
    assert "make it first" in refused(engine, tmp_path / "file" / "a.jsonl")


def test_an_ending_that_does_not_fit_is_refused(engine: Engine, tmp_path: Path) -> None:
    assert ".csv" in refused(engine, tmp_path / "a.jsonl", "csv")
    assert ".md or .html" in refused(engine, tmp_path / "a.txt", "report")


def test_a_folder_is_replaced_only_where_it_holds_an_export_alone(
    engine: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    ask(engine, folder, "hub")
    assert "exists" in refused(engine, folder, "hub")
    ask(engine, folder, "hub", overwrite=True)
    assert len(read(folder)) == PAIRS
    (folder / "notes.txt").write_text("mine")
    assert "notes.txt" in refused(engine, folder, "hub", overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine"
    assert left(tmp_path) == {"run", "set"}
    assert "holds more" in refused(engine, tmp_path, "hub", overwrite=True)


# ---------------------------------------------------------------- ends before the end


class Gate:
    """Holds an export at its first pair until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

        def make(pair: Any) -> Any:
            self.reached.set()
            assert self.open.wait(60)
            return rows.trl(pair)

        monkeypatch.setitem(job._MAKE, "trl", make)


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
    until(engine.exports._cancel.is_set, "the wish to cancel arrives", 20)
    gate.open.set()
    canceller.join(60)
    assert engine.exports.status().state == "stopped"
    assert left(tmp_path) == {"run"}
    ask(engine, path)
    assert len(read(path)) == PAIRS


def test_decisions_made_meanwhile_are_not_in_an_export(
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
from engine.export import job
from engine.wire.messages import ExportRequest
from engine.service import Engine

run, path, wish = sys.argv[1:]
engine = Engine(Path(run))
if wish == "hang":
    make = job._MAKE["trl"]
    def hang(pair):
        if pair.pair_id == 20:
            print("half", flush=True)
            threading.Event().wait()
        return make(pair)
    job._MAKE["trl"] = hang
    job.exports.PAGE = 5
else:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
engine.export(ExportRequest(format="trl", path=path))
engine.exports.join()
print(engine.exports.status().state, engine.exports.status().error, flush=True)
"""


def child(run: Path, path: Path, wish: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(run), str(path), wish]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_killed_export_leaves_no_half_file_and_the_next_one_clears_up(
    run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    with child(run, path, "hang") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.kill()
    assert not path.exists()
    assert len(left(tmp_path)) == 2  # the run, and a hidden file that says it is a part
    engine = Engine(run)
    try:
        ask(engine, path)
    finally:
        engine.close()
    assert left(tmp_path) == {"run", path.name, f"{path.name}.provenance.json"}
    assert len(read(path)) == PAIRS


def test_a_disk_that_is_full_is_one_line_and_leaves_nothing(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with child(run, path, "full") as process:
        said, _ = process.communicate(timeout=120)
    assert said.startswith(f"failed {path} cannot be written: ")
    assert left(tmp_path) == {"run"}
