"""Hundreds of bad inputs, each given to the real command: one clear line, nothing half-written."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterable
from contextlib import chdir
from itertools import chain, islice
from pathlib import Path

import pytest

from tests.engine.studies import prepare, run_to_end
from tests.fault.bad_inputs import command, files, good, mutation, runs, studies, texts
from tests.fault.bad_inputs.base import Answer, Case, raw, shortcoming
from tests.fault.conftest import KILLS, Tally

pytestmark = pytest.mark.fault("bad inputs")
EVERY = 1 if KILLS else 4  # all of them take half a minute; part of make fault
CHANGES = 300 if KILLS else 8  # to every file
SHOW = "FAULT_SHOW" in os.environ  # prints every line, for whoever reads them


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("good")
    good.write(made)
    return made


def judged(case: Case, answer: Answer, tally: Tally) -> str | None:
    """Counts what came of a case; what is wrong with it, in words."""
    if SHOW:
        print(f"[{case.name}] {answer.code}: {answer.line}")
    wrong = shortcoming(answer, case.names, case.codes)
    tally.add(
        1,
        survived=int(wrong is None and answer.code == 0),
        refused=int(wrong is None and answer.code != 0),
        raw=int(raw(answer.out + answer.err) is not None),
        lost=len(answer.written),
    )
    return None if wrong is None else f"{case.name}: {wrong}: {answer.line[:300]!r}"


def all_of(cases: Iterable[Case], folder: Path, place: Path, tally: Tally) -> None:
    """Gives every case to the command, in a fresh copy of the good folder each."""
    wrong = []
    for case in islice(cases, 0, None, EVERY):
        work = Path(shutil.copytree(folder, place / "work"))
        with chdir(work):
            problem = judged(case, command.run(case.make(work), work), tally)
        shutil.rmtree(work)
        if problem is not None:
            wrong.append(problem)
    assert not wrong, "\n".join([f"{len(wrong)} fell short", *wrong])


def test_a_bad_study_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    with command.here(monkeypatch):
        all_of(studies.cases(), folder, tmp_path, tally)


def test_a_bad_taxonomy_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    with command.here(monkeypatch):
        all_of(texts.taxonomies(), folder, tmp_path, tally)


def test_bad_settings_are_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "work" / "config"))
    all_of(texts.settings(), folder, tmp_path, tally)


def test_bad_arguments_are_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    with command.here(monkeypatch):
        all_of(texts.arguments(), folder, tmp_path, tally)


def test_a_bad_file_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    with command.here(monkeypatch):
        all_of(files.cases(), folder, tmp_path, tally)


@pytest.fixture(scope="module")
def with_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The good folder, with a finished run of its study."""
    made = tmp_path_factory.mktemp("with-run")
    good.write(made)
    status = run_to_end(prepare(made / "study.toml", made / "run"))
    assert status.state == "done", status.error
    return made


def test_a_bad_ledger_or_export_is_one_line(
    with_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    with command.here(monkeypatch, engine=True):
        all_of(chain(runs.ledgers(), runs.exports()), with_run, tmp_path, tally)


# What is changed at random, and the command that reads it.
READ = ["run", "study.toml", "--plan"]
IMPORT = ["import", "new", *(word.format(pairs="pairs.jsonl", pre="pre.csv", labels="labels.csv")
                             for word in files.OPTIONS)]  # fmt: skip
CHANGED = {
    **dict.fromkeys(("study.toml", "taxonomy.toml"), READ),
    **dict.fromkeys(("pairs.jsonl", "pre.csv", "labels.csv"), IMPORT),
    "labels.jsonl": [word.replace("labels.csv", "labels.jsonl") for word in IMPORT],
}


@pytest.mark.parametrize("file", CHANGED)
def test_any_change_is_read_or_one_line(
    file: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    def changes() -> Iterable[Case]:
        dice = random.Random(file)
        content = (folder / file).read_bytes()
        for number in range(CHANGES * EVERY):
            damaged = mutation.changed(content, dice)

            def make(work: Path, damaged: bytes = damaged) -> list[str]:
                (work / file).write_bytes(damaged)
                return CHANGED[file]

            yield Case(f"{file}, change {number}", make, (".toml", ".jsonl", ".csv"), (0, 2))

    with command.here(monkeypatch):
        all_of(changes(), folder, tmp_path, tally)
