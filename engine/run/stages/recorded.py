"""The stages that store results read from files, instead of running models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from engine.backends.rewards.recorded import RecordedScoresBackend
from engine.data.conversation import Conversation
from engine.data.records import SIDES
from engine.models.protocols import Rewards
from engine.models.recorded import Key
from engine.models.recorded_rewrites import RecordedRewrite, RecordedSide
from engine.run.stages import label, score
from engine.run.stages.base import Stage
from engine.run.work import DryRun, Run
from engine.store import Store, dataset, results
from engine.wire.messages import StagePlan

T = TypeVar("T")


class RecordedLabels(Stage):
    def __init__(self, labeler: str, path: str) -> None:
        super().__init__(*label.stage_names(labeler))
        self.labeler = labeler
        self.path = path

    def run(self, run: Run) -> None:
        role = label.labeler_role(self.labeler)
        # The labels are in the order of the features.
        producer = _record_producer(run, role, [self.path], features=_features(run))
        keys = dataset.source_keys(run.store)
        run.progress.start_stage(self.name, len(keys))
        labels, differ = by_text(keys, run.recorded.labels[self.labeler].values)
        with run.store.write() as cursor:
            results.put_recorded_labels(cursor, producer, labels)
        if missing := len(set(keys.values())) - len(labels):
            run.progress.warn(f"labeler {self.labeler}: {missing:,} entries have no recorded label")
        _warn_shared(run, role, differ)
        run.progress.finish_stage(self.name)

    def dry_run(self, dry: DryRun) -> StagePlan:
        return self.planned(len(dry.entries), 0)


class RecordedScores(Stage):
    def __init__(self, role: str, reward: RecordedScoresBackend) -> None:
        super().__init__(*score.stage_names(role))
        self.role = role
        self.reward = reward

    def run(self, run: Run) -> None:
        # The rewards of recorded rewrites are stored under the same producer.
        producer = _record_producer(run, self.role, [self.reward.path, run.study.rewrites.path])
        keys = dataset.source_keys(run.store)
        run.progress.start_stage(self.name, len(keys))
        scores = {
            (key, side): reward
            for key, pair in run.recorded.scores[self.role].items()
            for side, reward in zip(SIDES, pair, strict=True)
        }
        rewards, differ = by_text(keys, scores)
        with run.store.write() as cursor:
            put_rewards(cursor, producer, rewards)
        _warn_shared(run, self.role, differ)
        score.note_noise(run, self.role, 0.0, 0)
        run.progress.finish_stage(self.name, "recorded; the scorer's noise is assumed to be 0")

    def dry_run(self, dry: DryRun) -> StagePlan:
        return self.planned(len(dry.entries), 0)


class RecordedRewrites(Stage):
    """Rewrites with their labels and similarities, and their rewards by pre and post."""

    def __init__(self, path: str) -> None:
        super().__init__("rewrites", "read the rewrites")
        self.path = path

    def run(self, run: Run) -> None:
        for role in ("rewriter", "embedder", "relabeler"):
            _record_producer(run, role, [self.path], features=_features(run))
        entries = _entries(dataset.source_keys(run.store), run.recorded.rewrites)
        run.progress.start_stage(self.name, len(entries))
        refused, differ = _put_rewrites(run.store, run.producers, entries)
        _warn_shared(run, "originals of rewrites", differ)
        for reason, count in refused.items():
            run.progress.count(**{f"refused: {reason}": count})
        run.progress.count(rewrites=len(entries) - sum(refused.values()))
        run.progress.finish_stage(self.name)

    def dry_run(self, dry: DryRun) -> StagePlan:
        return self.planned(2 * len(dry.pairs), 0)


def _features(run: Run) -> list[str]:
    return [feature.name for feature in run.study.features]


def _record_producer(run: Run, role: str, paths: Sequence[str | None], **details: Any) -> str:
    files = [path for path in paths if path is not None]
    identity = {
        "kind": "recorded",
        "role": role,
        "files_sha256": [run.recorded.sha256[path] for path in files],
        "dataset": run.dataset,  # rows are joined to its ids
        **details,
    }
    return run.record_producer(role, Path(files[0]).name, identity)


def _warn_shared(run: Run, role: str, differ: int) -> None:
    if differ:
        run.progress.warn(
            f"{role}: {differ:,} entries have other recorded values than an earlier entry with "
            "the same text; the first pair's values are used"
        )


def by_text(keys: Mapping[Key, int], rows: Mapping[Key, T]) -> tuple[dict[int, T], int]:
    """Results by text, and the number of entries whose values differ from those of the first pair
    with the same text, which are used."""
    values: dict[int, T] = {}
    differ = 0
    for key, text in keys.items():
        if key in rows:
            differ += values.setdefault(text, rows[key]) != rows[key]
    return values, differ


def put_rewards(cursor: Any, producer: str, rewards: Mapping[int, float]) -> None:
    n = len(rewards)
    values = np.array(list(rewards.values()), dtype=np.float64)
    scores = Rewards(values, np.zeros(n, np.int32), np.zeros(n, bool), (None,) * n)
    results.put_scores(cursor, producer, list(rewards), scores)


def _entries(
    keys: Mapping[Key, int], rows: Sequence[RecordedRewrite]
) -> list[tuple[str, int, RecordedSide]]:
    """(strategy, original's text id, rewrite) in pair order, regardless of the order in the
    file."""
    place = {key: at for at, (key, _) in enumerate(keys)}
    return [
        (row.strategy, keys[row.key, side], entry)
        for row in sorted(rows, key=lambda row: (place[row.key], row.strategy))
        for side, entry in zip(SIDES, row.sides, strict=True)
    ]


def _put_rewrites(
    store: Store, producers: Mapping[str, str], entries: Sequence[tuple[str, int, RecordedSide]]
) -> tuple[dict[str, int], int]:
    """Store rewrites with labels, rewards and similarities in one transaction.

    Returns the refused rewrites, reason → count, and the number of originals whose labels differ
    from those in an earlier row."""
    differ = 0
    refused: dict[str, int] = {}
    labels: dict[int, list[int]] = {}
    rewards: dict[str, dict[int, float]] = {"pre": {}, "post": {}}
    cosines: dict[tuple[int, int], float] = {}
    rows: dict[str, list[results.Rewrite]] = {}
    conversations = [Conversation.of_transcript(entry.text) for _, _, entry in entries]
    usable = [conversation for conversation in conversations if conversation.problem is None]
    with store.write() as cursor:
        ids = dict(zip(usable, dataset.put_texts(cursor, usable), strict=True))
        for (strategy, before, entry), conversation in zip(entries, conversations, strict=True):
            refusal, after = conversation.problem, ids.get(conversation)
            row = results.Rewrite(before, entry.text, refusal, after)
            rows.setdefault(strategy, []).append(row)
            if after is None:
                refused[str(refusal)] = refused.get(str(refusal), 0) + 1
                continue
            differ += labels.setdefault(before, entry.original_labels) != entry.original_labels
            labels.setdefault(after, entry.labels)
            cosines.setdefault((before, after), min(max(entry.cosine, -1.0), 1.0))
            for role, by_text_id in rewards.items():
                by_text_id.setdefault(after, entry.rewards[role])
        for strategy, rewrites in rows.items():
            results.put_rewrites(cursor, producers["rewriter"], strategy, rewrites)
        results.put_recorded_labels(cursor, producers["relabeler"], labels)
        results.put_similarities(
            cursor, producers["embedder"], list(cosines), list(cosines.values())
        )
        for role, by_text_id in rewards.items():
            put_rewards(cursor, producers[role], by_text_id)
    return refused, differ
