"""Rewards of every entry and every rewrite, and the noise of a scorer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.backends.base import Model, Shape
from engine.models.operations import Score
from engine.models.protocols import Rewards, Text
from engine.run import plan
from engine.run.stages.batched import Batched
from engine.run.work import DryRun, Run, Unit, Work
from engine.store import results


def stage_names(role: str) -> tuple[str, str]:
    """The name and the label of a reward model's stage, whatever its back end."""
    return f"score:{role}", f"score · {role}"


class ScoreEntries(Batched[Text, Rewards]):
    """`role` is pre or post."""

    def __init__(self, role: str) -> None:
        super().__init__(*stage_names(role), role, Score())

    def model(self, work: Work[Any]) -> Model | None:
        return work.reward_model(self.role)

    def units(self, work: Work[Unit]) -> Sequence[Unit]:
        return work.entries

    def item(self, run: Run, text: Text) -> Text:
        return text

    def put(self, run: Run, cursor: Any, ids: tuple[int, ...], result: Rewards) -> None:
        results.put_scores(cursor, run.producers[self.role], ids, result)


class ScoreRewrites(ScoreEntries):
    def __init__(self, role: str) -> None:
        super().__init__(role)
        self.name, self.label = f"rescore:{role}", f"score rewrites · {role}"

    def units(self, work: Work[Unit]) -> Sequence[Unit]:
        return work.rewritten

    def upcoming(self, dry: DryRun) -> int:
        return dry.upcoming


class Noise(ScoreEntries):
    """Scores a sample again, each text alone: a reward depends slightly on its batch."""

    def __init__(self, role: str) -> None:
        super().__init__(role)
        self.name, self.label = f"noise:{role}", f"noise of the scorer · {role}"

    def shape(self, model: Model) -> Shape:
        return model.backend.shape._replace(rows=1)

    def units(self, work: Work[Unit]) -> Sequence[Unit]:
        return plan.noise_sample(work.pairs)

    def put(self, run: Run, cursor: Any, ids: tuple[int, ...], result: Rewards) -> None:
        results.put_rescored(cursor, run.producers[self.role], ids, result)

    def finish(self, run: Run) -> str:
        floor, compared = results.noise(run.store, run.producers[self.role], self.units(run))
        note_noise(run, self.role, floor, compared)
        return f"reward differences up to {floor:.2g} are noise"


def note_noise(run: Run, role: str, floor: float, compared: int) -> None:
    run.notes.setdefault("noise_floor", {})[role] = {"floor": floor, "compared": compared}
