"""SIGKILL of engine, worker, or both, at a random moment of a stage: the run goes on and ends with
the same rows and the same digest as one that was never killed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.engine.studies import prepare
from tests.fault.conftest import KILLS, Tally
from tests.fault.kills import STAGES, kill_in, prepare_stages
from tests.fault.tiny import write_light_study, write_tiny_study

pytestmark = pytest.mark.fault("kills")

SHORT = ("label:main",)  # of a study without torch, whose loading would take most of the time
SEED = 7


@pytest.fixture(scope="module")
def stages(
    request: pytest.FixtureRequest, url: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Path]]:
    """A run that was never killed, and a copy of it as it was at the door of every stage."""
    folder = tmp_path_factory.mktemp("kills")
    if KILLS:
        study = write_tiny_study(folder / "study", request.getfixturevalue("models"), url)
    else:
        study = write_light_study(folder / "study", url)
    whole = prepare(study, folder / "whole")
    return whole, prepare_stages(whole, STAGES if KILLS else SHORT, folder)


@pytest.mark.parametrize("stage", STAGES if KILLS else SHORT)
def test_kills_lose_nothing(
    stage: str, stages: tuple[Path, dict[str, Path]], tmp_path: Path, tally: Tally
) -> None:
    whole, copies = stages
    wanted = KILLS or 2
    found = kill_in(stage, copies[stage], whole, wanted, random.Random(f"{SEED} {stage}"), tmp_path)
    injected = found.killed.total()
    tally.add(injected, survived=found.survived, lost=found.lost, doubled=found.doubled)
    print(stage, dict(found.killed), "missed", found.missed)
    assert injected == wanted, f"only {injected} blows fell, {found.missed} came too late"
    assert (found.survived, found.lost, found.doubled) == (injected, 0, 0)
