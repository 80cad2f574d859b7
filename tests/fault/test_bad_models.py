"""Models that are damaged, of another kind, or of other versions: one line about the model."""

from __future__ import annotations

import contextlib
import io
import random
import re
import shutil
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from engine import taxonomy
from engine.backends.base import Model, RewardBackend, Use
from engine.executors.process import _answer
from engine.executors.requests import Ask, Identify, Load
from engine.executors.worker import Worker
from engine.models.operations import Score
from tests.fault.bad_inputs import mutation
from tests.fault.bad_inputs.base import LONGEST, SECONDS, raw
from tests.fault.bad_inputs.models import WEIGHTS, BadModel, cases, reward
from tests.fault.conftest import KILLS, Tally
from tests.fault.test_bad_inputs import SHOW
from tests.fault.test_models import texts

pytestmark = pytest.mark.fault("bad inputs")
EVERY = 1 if KILLS else 5
CHANGES = 200 if KILLS else 5  # to every file
HEADER = 4_000


def loaded(case: BadModel, folder: Path) -> tuple[str, Any]:
    """What a worker answers that is asked to load the model, and to score with it."""
    backend = case.backend(str(folder))
    model, worker = Model(backend, Use(taxonomy.load())), Worker("cpu")
    with contextlib.redirect_stderr(io.StringIO()):  # its log
        status, value = _answer(worker, Identify(model))
        if status == "ok":
            status, value = _answer(worker, Load(model, value))
        if status == "ok" and isinstance(backend, RewardBackend):
            status, value = _answer(worker, Ask(Score(), tuple(texts(3))))
    return status, value


def shortcoming(case: BadModel, status: str, said: str, seconds: float) -> str | None:
    if status == "ok":
        return None if case.taken else "it was taken"
    if status not in ("bad_input", "machine"):
        return f"the kind is {status}"
    if (inside := raw(said)) is not None:
        return f"it shows {inside!r}"
    if "\n" in said or len(said) > LONGEST:
        return "it is not one short line"
    if seconds > SECONDS:
        return f"it took {seconds:.1f} s"
    if re.search(r"work|name|folder|tokenizer|heads", said) is None or ":" not in said:
        return "it names neither the model nor the remedy"
    return None


def all_of(cases: Iterable[BadModel], models: Path, tmp_path: Path, tally: Tally) -> None:
    wrong = []
    for case in cases:
        work = Path(shutil.copytree(models / case.good, tmp_path / "work"))
        case.damage(work)
        began = time.monotonic()
        status, value = loaded(case, work)
        said = "" if status == "ok" else str(value)
        problem = shortcoming(case, status, said, time.monotonic() - began)
        if SHOW:
            print(f"[{case.name}] {status}: {said}")
        tally.add(
            1,
            survived=int(problem is None and status == "ok"),
            refused=int(problem is None and status != "ok"),
            raw=int(raw(said) is not None or status == "fault"),
        )
        if problem is not None:
            wrong.append(f"{case.name}: {problem}: {said[:300]!r}")
        shutil.rmtree(work)
    assert not wrong, "\n".join([f"{len(wrong)} fell short", *wrong])


def test_a_bad_model_is_one_line(models: Path, tmp_path: Path, tally: Tally) -> None:
    all_of(islice(cases(), 0, None, EVERY), models, tmp_path, tally)


@pytest.mark.parametrize(
    "file", ["config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS]
)
def test_any_change_to_a_model_is_taken_or_one_line(
    file: str, models: Path, tmp_path: Path, tally: Tally
) -> None:
    content = (models / "reward" / file).read_bytes()
    dice = random.Random(file)

    def changes() -> Iterable[BadModel]:
        for number in range(CHANGES):
            if file != WEIGHTS and number % 2:
                damaged = mutation.swapped_value(content, dice)
            else:
                head, rest = content[:HEADER], content[HEADER:]  # what is behind it is numbers
                damaged = mutation.changed(head, dice) + rest

            def damage(folder: Path, damaged: bytes = damaged) -> None:
                (folder / file).write_bytes(damaged)

            name = f"{file}, change {number}"
            yield BadModel(name, "reward", damage, reward, taken=True)

    all_of(changes(), models, tmp_path, tally)
