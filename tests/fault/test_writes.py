"""Killed, or out of room, at a chosen single write of whatever is written: the database, its log,
decisions.jsonl, the manifest, an export. Nothing is lost or half there, and it goes on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from engine.errors import SealError
from engine.service import Engine
from engine.store import problems
from engine.store.ledger import ledger
from engine.store.recovery import DATABASE, DECISIONS, open_store
from engine.store.saved_filters import FILE, saved
from engine.wire.messages import MarkChange, MarkRequest, UndoRequest
from tests.engine import old_runs
from tests.engine.studies import manifest, prepare, run_to_end, sample_rows
from tests.fault import victims
from tests.fault.conftest import KILLS, Tally
from tests.fault.tiny import write_light_study
from tests.fault.victims import FULL, KILL, RECOVERY, Victims

POSITIONS = 4 * KILLS or 2  # at most, of each act
ACTS = (*victims.ACTS, RECOVERY)
KILLED = ACTS if KILLS else ("bulk decision", RECOVERY)
FULL_AT = ACTS if KILLS else ("decision", "export")
EVERY = 10**9


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victims]:
    library = victims.compiled(tmp_path_factory.mktemp("writes"))
    if library is None:
        pytest.skip("needs a C compiler")
    made = Victims(library)
    yield made
    made.close()


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder on which each act begins."""
    folder = tmp_path_factory.mktemp("bases")
    fresh = prepare(write_light_study(folder / "study", "", sample_rows(30)), folder / "fresh")
    done = Path(shutil.copytree(fresh, folder / "done"))
    assert run_to_end(done).state == "done"
    with closing(Engine(done)) as engine:
        for pair in range(4):
            change = MarkChange(verdict="keep", note=f"about {pair}")
            engine.mark(MarkRequest(pair_ids=(pair, 9), author="ada", change=change))
        engine.undo(UndoRequest(author="ada"))
        victims.save_filter(engine)
        engine.metrics()
    lost = Path(shutil.copytree(done, folder / "lost"))
    (lost / DATABASE).write_bytes(b"\0" * 50_000)
    old = old_runs.unpack("recorded", folder)
    other = (done / DECISIONS).read_text().replace('"author":"ada"', '"author":"zoe"')
    (folder / "other.jsonl").write_text(other)
    return {"run": fresh, RECOVERY: lost, "migration": old, "": done}


class State(NamedTuple):
    """What a person has in a folder, but for times."""

    actions: int
    decisions: list[str]
    filters: list[Any]
    metrics: str
    export: bytes


def state(folder: Path) -> State:
    with closing(open_store(folder)) as store:
        rows = [
            repr((r.author, r.source_id, r.old, r.new, r.group, r.blind)) for r in ledger(store)
        ]
        [(actions,)] = store.read("SELECT count(*) FROM actions").fetchall()
        filters = saved(store)
    done = (folder / "manifest.json").exists()
    export = folder / victims.EXPORT
    return State(
        actions,
        sorted(rows),
        filters,
        manifest(folder).get("metrics_sha256", "") if done else "",
        export.read_bytes() if export.exists() else b"",
    )


class Place(NamedTuple):
    base: Path
    folder: Path

    def again(self) -> Path:
        shutil.rmtree(self.folder, ignore_errors=True)
        return Path(shutil.copytree(self.base, self.folder))


def place_of(act: str, bases: dict[str, Path], tmp_path: Path) -> Place:
    shutil.copy(bases[""].parent / "other.jsonl", tmp_path)
    shutil.copytree(bases[""].parent / "study", tmp_path / "study")
    return Place(bases.get(act, bases[""]), tmp_path / "run")


def chosen(count: int) -> list[int]:
    """At most POSITIONS of so many, evenly spread, the first and last among them."""
    if count <= POSITIONS:
        return list(range(1, count + 1))
    return sorted({1 + round(n * (count - 1) / (POSITIONS - 1)) for n in range(POSITIONS)})


@pytest.mark.fault("kills")
@pytest.mark.parametrize("act", KILLED)
def test_a_kill_at_any_write_leaves_all_or_nothing_and_it_goes_on(
    act: str, bases: dict[str, Path], forked: Victims, tmp_path: Path, tally: Tally
) -> None:
    place = place_of(act, bases, tmp_path)
    whole = forked.attempt(act, place.again(), KILL, EVERY)
    assert whole.done and not whole.errors, f"{whole.errors}"
    after = state(place.folder)
    before = state(place.again()) if act not in (RECOVERY, "migration") else after
    for at in chosen(whole.seen):
        outcome = forked.attempt(act, place.again(), KILL, at)
        if not outcome.killed:  # it wrote less often this time
            assert outcome.done, outcome
            continue
        if act != RECOVERY:
            for now, was, then in zip(state(place.folder), before, after, strict=True):
                assert now in (was, then), f"half there after write {at}"
        again = forked.attempt(act, place.folder, KILL, EVERY)
        assert again.done and not again.raw, (at, again)
        same = state(place.folder)
        lost = len(set(after.decisions) - set(same.decisions))
        tally.add(1, survived=int(same == after), lost=lost)
        assert same == after, f"after write {at}"
        assert strays(place) == [], f"after write {at}"


@pytest.mark.fault("full disk")
@pytest.mark.parametrize("act", FULL_AT)
def test_no_room_for_any_single_write_is_one_line_and_it_goes_on_with_room(
    act: str, bases: dict[str, Path], forked: Victims, tmp_path: Path, tally: Tally
) -> None:
    place = place_of(act, bases, tmp_path)
    whole = forked.attempt(act, place.again(), FULL, EVERY)
    assert whole.done and not whole.errors, f"{whole.errors}"
    after = state(place.folder)
    for at in chosen(whole.seen):
        outcome = forked.attempt(act, place.again(), FULL, at)
        assert outcome.done and not outcome.raw, f"after write {at}: {outcome}"
        for error in outcome.errors:
            assert "\n" not in error
            assert "room" in error or "space" in error or "seal-tui stop" in error, (at, error)
        try:
            found = state(place.folder)
        except SealError as error:
            raise AssertionError(f"after write {at}: {outcome.errors}") from error
        lost = len(set(after.decisions) - set(found.decisions))
        tally.add(1, survived=int(found == after), refused=bool(outcome.errors), lost=lost)
        assert found == after, f"after write {at}: {outcome.errors}"
        assert strays(place) == [], f"after write {at}"


def strays(place: Place) -> list[str]:
    """Files that nobody asked for and nobody removes, and decisions that were taken for damaged."""
    known = {"exports", victims.EXPORT, f"{victims.EXPORT}.provenance.json"}
    known |= {"manifest.json", DATABASE, DECISIONS, FILE, problems.log_of(Path(DATABASE)).name}
    known |= {str(path.relative_to(place.base)) for path in place.base.rglob("*")}
    found = {str(path.relative_to(place.folder)) for path in place.folder.rglob("*")}
    aside = {name for name in found if name.startswith(f"{DATABASE}.damaged-")}
    return sorted(found - known - aside)
