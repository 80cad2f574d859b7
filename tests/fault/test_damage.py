"""Databases damaged at random places, and disks that fill up while decisions are written."""

from __future__ import annotations

import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.errors import MachineError, SealError
from engine.service import Engine
from engine.store import problems
from engine.store.ledger import LedgerRow, ledger
from engine.store.recovery import DATABASE, DECISIONS, open_store, recover
from engine.wire.messages import MarkChange, MarkRequest, PairQuery, UndoRequest
from tests.engine.conftest import end_engine
from tests.engine.studies import manifest, prepare, run_to_end, sample_rows
from tests.fault.conftest import KILLS, Tally
from tests.fault.tiny import write_light_study

pytestmark = pytest.mark.fault("damage")

DAMAGES = max(KILLS * 4, 8)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[LedgerRow]]:
    """A finished run with decisions, and its log."""
    folder = tmp_path_factory.mktemp("damage")
    run = prepare(write_light_study(folder / "study", "", sample_rows(30)), folder / "run")
    assert run_to_end(run).state == "done"
    with closing(Engine(run)) as engine:
        use(engine)
        return run, list(engine.ledger())


def use(engine: Engine) -> None:
    """Everything that a person does in the explorer, more or less."""
    engine.metrics()
    ids = engine.pairs(PairQuery(sort="pair_id")).ids
    for pair in ids[:6]:
        engine.browser().pair(pair)
        for verdict in ("flip", "keep", "drop"):
            change = MarkChange(verdict=verdict, note=f"about {pair}")
            engine.mark(MarkRequest(pair_ids=(pair,), author="ada", change=change))
        engine.undo(UndoRequest(author="ada"))
    engine.mark(MarkRequest(pair_ids=tuple(ids), author="ben", change=MarkChange(flag="on")))
    engine.metrics()


def harm(path: Path, chance: random.Random) -> str:
    """Overwrite a few bytes somewhere, or cut the file off."""
    size = path.stat().st_size
    at = chance.randrange(size)
    with path.open("r+b") as file:
        if chance.random() < 0.2:
            file.truncate(at)
            return f"cut off at {at} of {size}"
        file.seek(at)
        file.write(chance.randbytes(chance.choice((1, 64, 4096))))
    return f"overwritten at {at} of {size}"


def problem_of(run: Path) -> str | None:
    """What a person is told who uses the folder and then runs it again. Any error but those for
    people fails the test."""
    try:
        with closing(Engine(run)) as engine:
            use(engine)
        return run_to_end(run).error
    except SealError as error:
        return str(error)


@pytest.mark.parametrize("seed", range(DAMAGES))
def test_a_damaged_database_is_one_line_and_every_decision_comes_back(
    seed: int, made: tuple[Path, list[LedgerRow]], tmp_path: Path, tally: Tally
) -> None:
    run = Path(shutil.copytree(made[0], tmp_path / "run"))
    what = harm(run / DATABASE, random.Random(seed))
    said = problem_of(run)
    if said is not None:
        assert "\n" not in said, what
        assert "seal-tui recover" in said, what
        if not recover(run).problem:  # in a block that only deleting a text would read
            recover(run, force=True)
    with closing(open_store(run)) as store:
        found = set(map(repr, ledger(store)))
    lost = len(set(map(repr, made[1])) - found)
    assert not lost, what
    status = run_to_end(run)
    assert status.state == "done", f"{what}: {status.error}"
    same = manifest(run)["metrics_sha256"] == manifest(made[0])["metrics_sha256"]
    tally.add(1, survived=int(same), lost=lost)
    assert same, what
    with closing(Engine(run)) as engine:
        marked = engine.store.read("SELECT count(*) FROM pair_marks").fetchone()
        assert marked[0] >= 30, "the marks are back on their pairs"


@pytest.mark.parametrize("seed", range(max(KILLS * 4, 4)))
def test_a_damaged_file_of_decisions_is_noticed_and_written_again(
    seed: int, made: tuple[Path, list[LedgerRow]], tmp_path: Path, tally: Tally
) -> None:
    run = Path(shutil.copytree(made[0], tmp_path / "run"))
    what = harm(run / DECISIONS, random.Random(seed))
    harmed = (run / DECISIONS).read_bytes()
    if harmed == (made[0] / DECISIONS).read_bytes():
        pytest.skip("the byte had been that one before")
    with closing(open_store(run)) as store:
        assert len(store.notices) == 1, what
    assert (run / f"{DECISIONS}.damaged-1").read_bytes() == harmed
    (run / DATABASE).unlink()
    assert recover(run).damaged_lines == 0
    with closing(open_store(run)) as store:
        lost = len(set(map(repr, made[1])) - set(map(repr, ledger(store))))
    tally.add(1, survived=int(not lost), lost=lost)
    assert not lost, what


WRITER = """
import resource, sys
from pathlib import Path
from engine.errors import SealError
from engine.service import Engine
from engine.wire.messages import MarkChange, MarkRequest

run, size = Path(sys.argv[1]), int(sys.argv[2])
engine = Engine(run)
base = max(path.stat().st_size for path in run.iterdir() if path.suffix == ".jsonl")
resource.setrlimit(resource.RLIMIT_FSIZE, (base + size, resource.RLIM_INFINITY))
for number in range(200):
    change = MarkChange(note=f"note {number}")
    try:
        engine.mark(MarkRequest(pair_ids=(number % 30,), author="eve", change=change))
    except SealError as error:
        print("refused", error, flush=True)
        break
    print("saved", number, flush=True)
import os
os._exit(0)
"""


@pytest.mark.parametrize("size", range(0, 4_000 if KILLS else 2_000, 100 if KILLS else 500))
@pytest.mark.fault("full disk")
def test_wherever_the_disk_is_full_what_was_called_saved_is_saved(
    size: int, made: tuple[Path, list[LedgerRow]], tmp_path: Path, tally: Tally
) -> None:
    run = Path(shutil.copytree(made[0], tmp_path / "run"))
    done = subprocess.run(
        [sys.executable, "-c", WRITER, run, str(size)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    *saved, refused = done.stdout.splitlines()
    assert refused.startswith("refused ")
    assert "free some space" in refused
    with closing(open_store(run)) as store:
        notes = [row.new.note for row in ledger(store) if row.author == "eve"]
    said = [f"note {line.split()[1]}" for line in saved]
    tally.add(1, survived=1, lost=len(set(said) - set(notes)))
    assert notes == said, "neither lost nor invented"
    (run / DATABASE).unlink()
    problems.log_of(run / DATABASE).unlink(missing_ok=True)
    recover(run)
    with closing(open_store(run)) as store:
        assert [row.new.note for row in ledger(store) if row.author == "eve"] == said


KILLED = WRITER.replace("range(200)", "range(10**6)")


@pytest.mark.parametrize("seed", range(max(KILLS, 2)))
@pytest.mark.fault("kills")
def test_a_kill_at_a_key_press_loses_no_decision_and_invents_none(
    seed: int, made: tuple[Path, list[LedgerRow]], tmp_path: Path, tally: Tally
) -> None:
    run = Path(shutil.copytree(made[0], tmp_path / "run"))
    wanted = random.Random(seed).randrange(1, 30)
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED, run, str(1 << 30)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    said = [writer.stdout.readline().split()[1] for _ in range(wanted)]
    writer.kill()
    said += [line.split()[1] for line in writer.communicate(timeout=60)[0].splitlines()]
    with closing(open_store(run)) as store:
        notes = [row.new.note.split()[1] for row in ledger(store) if row.author == "eve"]
    tally.add(1, survived=1, lost=len(set(said) - set(notes)))
    assert notes[: len(said)] == said
    assert len(notes) - len(said) in (0, 1), "the one that was being saved"
    (run / DATABASE).unlink()
    recover(run)
    with closing(open_store(run)) as store:
        again = [row.new.note.split()[1] for row in ledger(store) if row.author == "eve"]
    assert again == notes


CLIENT = """
import sys
from pathlib import Path
from engine.wire.client import SyncEngineClient
from engine.wire.endpoints import MARK
from engine.wire.messages import MarkChange, MarkRequest

with SyncEngineClient.at(Path(sys.argv[1])) as client:
    for number in range(10**6):
        change = MarkChange(note=f"{sys.argv[2]} {number}")
        client.ask(MARK(MarkRequest(pair_ids=(number % 30,), author="eve", change=change)))
        print(f"{sys.argv[2]} {number}", flush=True)
"""


@pytest.mark.fault("kills")
def test_clients_that_are_killed_lose_nothing_that_they_were_told(
    made: tuple[Path, list[LedgerRow]],
    start: Callable[[Path], Path],
    tmp_path: Path,
    tally: Tally,
) -> None:
    """One engine, and one client after the other."""
    run = Path(shutil.copytree(made[0], tmp_path / "run"))
    at, said = start(run), []
    for number in range(KILLS or 2):
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, at, str(number)], stdout=subprocess.PIPE, text=True
        )
        assert client.stdout is not None
        lines = [client.stdout.readline() for _ in range(random.Random(number).randrange(1, 20))]
        client.kill()
        said.append([*lines, *client.communicate(timeout=60)[0].splitlines(keepends=True)])
    end_engine(run)
    with closing(open_store(run)) as store:
        found = [row.new.note for row in ledger(store) if row.author == "eve"]
    for number, lines in enumerate(said):
        mine = [note for note in found if note.split()[0] == str(number)]
        told = [line.strip() for line in lines]
        tally.add(1, survived=1, lost=len(set(told) - set(mine)))
        assert mine[: len(told)] == told
        assert len(mine) - len(told) in (0, 1), "the one that was being saved"


def test_a_database_that_cannot_be_written_is_no_damaged_one(
    made: tuple[Path, list[LedgerRow]], tmp_path: Path
) -> None:
    """A full disk is told as one, and nobody is sent to recover."""
    run = Path(shutil.copytree(made[0], tmp_path / "run"))
    engine = Engine(run)
    before: Any = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
        with pytest.raises(MachineError) as caught:
            engine.mark(
                MarkRequest(pair_ids=(0,), author="eve", change=MarkChange(note="something"))
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        engine.close()
    assert "recover" not in str(caught.value)
    assert DECISIONS in str(caught.value)
