"""The stages of a study: one list for the run, its progress and its preview."""

from __future__ import annotations

from collections.abc import Iterator

from engine import strategies
from engine.backends.base import Backend
from engine.backends.labelers.none import NoLabelsBackend
from engine.backends.labelers.recorded import RecordedLabelsBackend
from engine.backends.rewards.continued import ContinuedBackend
from engine.backends.rewards.recorded import RecordedScoresBackend
from engine.run.stages.base import Stage
from engine.run.stages.ingest import Ingest
from engine.run.stages.label import LabelEntries, LabelRewrites, NoLabels
from engine.run.stages.measure import Measure
from engine.run.stages.recorded import RecordedLabels, RecordedRewrites, RecordedScores
from engine.run.stages.rewrite import CompareRewrites, Rewrite
from engine.run.stages.score import Noise, ScoreEntries, ScoreRewrites
from engine.run.stages.train import TrainPost
from engine.study import Study

__all__ = ["Stage", "stages"]


def stages(study: Study) -> list[Stage]:
    """Every stage, in the order of the run."""
    return [
        Ingest(),
        *(_labels(name, labeler) for name, labeler in study.labelers.items()),
        *_rewards(study, "pre"),
        *_rewards(study, "post"),
        *_rewrites(study),
        Measure(),
    ]


def _labels(name: str, labeler: Backend) -> Stage:
    match labeler:
        case RecordedLabelsBackend():
            return RecordedLabels(name, labeler.path)
        case NoLabelsBackend():
            return NoLabels(name)
        case _:
            return LabelEntries(name)


def _rewards(study: Study, role: str) -> Iterator[Stage]:
    reward = study.pre if role == "pre" else study.post
    if isinstance(reward, RecordedScoresBackend):
        yield RecordedScores(role, reward)
        return
    if isinstance(reward, ContinuedBackend):
        yield TrainPost(reward)
    yield ScoreEntries(role)
    yield Noise(role)


def _rewrites(study: Study) -> Iterator[Stage]:
    if study.rewrites.path is not None:
        yield RecordedRewrites(study.rewrites.path)
    elif study.rewrites.sample:
        yield from (Rewrite(strategies.find(name)) for name in study.rewrites.strategies)
        yield LabelRewrites()
        yield from map(ScoreRewrites, ("pre", "post"))
        yield CompareRewrites()
