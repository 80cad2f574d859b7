"""Rewards of every entry and every rewrite, and the noise of a scorer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.backends.base import Model, RewardBackend, Shape, Use
from engine.errors import BadInput
from engine.models.operations import Score
from engine.models.protocols import Rewards, Text
from engine.run import plan
from engine.run.stages.base import Ahead
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

    def finish(self, run: Run) -> str:
        """Raises BadInput if there is no reward at all."""
        texts = self.units(run)
        reasons = results.set_aside(run.store, run.producers[self.role], texts)
        lost = sum(reasons.values())
        if lost and lost == len(texts):
            count, reason = max((count, reason) for reason, count in reasons.items())
            raise BadInput(f"rewards.{self.role}: no entry could be scored; {count:,}: {reason}")
        return f"{lost:,} entries set aside" if lost else ""


class ScoreRewrites(ScoreEntries):
    def __init__(self, role: str) -> None:
        super().__init__(role)
        self.paced_like = self.name
        self.name, self.label = f"rescore:{role}", f"score rewrites · {role}"

    def units(self, work: Work[Unit]) -> Sequence[Unit]:
        return work.rewritten

    def ahead(self, run: Run) -> Ahead | None:
        return super().ahead(run) if run.rewrites else None

    def upcoming(self, dry: DryRun) -> int:
        return dry.upcoming

    def finish(self, run: Run) -> str:
        return ""


class Noise(ScoreEntries):
    """Scores a sample again, each text alone: a reward depends slightly on its batch."""

    def __init__(self, role: str) -> None:
        super().__init__(role)
        self.name, self.label = f"noise:{role}", f"noise of the scorer · {role}"
        self.paced_like = self.name

    def shape(self, model: Model) -> Shape:
        return model.backend.shape._replace(rows=1)

    def units(self, work: Work[Unit]) -> Sequence[Unit]:
        return plan.noise_sample(work.pairs)

    def put(self, run: Run, cursor: Any, ids: tuple[int, ...], result: Rewards) -> None:
        results.put_rescored(cursor, run.producers[self.role], ids, result)

    def finish(self, run: Run) -> str:
        producer = run.producers[self.role]
        floor, compared = results.noise(run.store, producer, self.units(run))
        note_noise(run, self.role, floor, compared)
        model = self.model(run)
        assert model is not None and isinstance(model.backend, RewardBackend)
        limit = model.backend.noise_limit(model.use)
        check_noise(self.role, floor, results.median_margin(run.store, producer), limit, model.use)
        return f"reward differences up to {floor:.2g} are noise"


def note_noise(run: Run, role: str, floor: float, compared: int) -> None:
    run.notes.setdefault("noise_floor", {})[role] = {"floor": floor, "compared": compared}


def check_noise(role: str, floor: float, margin: float | None, limit: float, use: Use) -> None:
    """Raises BadInput if the noise is more than this share of the median margin."""
    if margin is None or floor <= limit * margin:
        return
    if use.dtype in ("auto", "float32"):
        cause = (
            "in float32 that is no rounding: the model reads its padding or the other texts, or it "
            "hardly tells the sides of a pair apart; use another model"
        )
    else:
        cause = f'{use.dtype} is too coarse for this model: set executor.dtype = "float32"'
    raise BadInput(
        f"rewards.{role}: the reward of a text changes by up to {floor:.2g} with the texts beside "
        f"it, over {limit:.0%} of the median margin of {margin:.2g}; {cause}, or allow more by "
        f"rewards.{role}.max_noise"
    )
