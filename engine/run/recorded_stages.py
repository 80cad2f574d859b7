"""The stages that store what was read from files, in place of those that ask models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from engine.data.dialogue import canonical, problem
from engine.data.records import SIDES
from engine.models.protocols import Rewards
from engine.models.recorded import Key
from engine.models.recorded_rewrites import RecordedRewrite, RecordedSide
from engine.run.progress import Progress
from engine.run.recorded import Recorded
from engine.store import Store, dataset, results
from engine.study import Study

T = TypeVar("T")


class RecordedStages:
    """`play` records who plays a role (role, name, fingerprint) and returns the producer."""

    def __init__(
        self,
        study: Study,
        store: Store,
        progress: Progress,
        found: Recorded,
        dataset_sha256: str,
        play: Callable[[str, str, dict[str, Any]], str],
    ) -> None:
        self.study = study
        self.store = store
        self.progress = progress
        self.found = found
        self.dataset_sha256 = dataset_sha256
        self.play = play
        for warning in found.warnings:
            progress.warn(warning)

    def put_labels(self, name: str, role: str) -> None:
        stage, path = f"label:{name}", self.study.labelers[name].path or ""
        # The labels stand in the order of the features.
        producer = self._play(role, [path], features=[f.name for f in self.study.features])
        keys = dataset.source_keys(self.store)
        self.progress.start_stage(stage, len(keys))
        labels, differ = by_text(keys, self.found.labels[name].values)
        with self.store.write() as cursor:
            results.put_recorded_labels(cursor, producer, labels)
        if missing := len(set(keys.values())) - len(labels):
            self.progress.warn(f"labeler {name}: {missing:,} entries have no recorded label")
        self._warn_shared(role, differ)
        self.progress.finish_stage(stage)

    def put_scores(self, role: str) -> None:
        stage, reward = f"score:{role}", self.study.pre if role == "pre" else self.study.post
        # The rewards of recorded rewrites are kept under the same producer.
        producer = self._play(role, [reward.path, self.study.rewrites.path])
        keys = dataset.source_keys(self.store)
        self.progress.start_stage(stage, len(keys))
        scores = {
            (key, side): score
            for key, pair in self.found.scores[role].items()
            for side, score in zip(SIDES, pair, strict=True)
        }
        rewards, differ = by_text(keys, scores)
        with self.store.write() as cursor:
            put_rewards(cursor, producer, rewards)
        self._warn_shared(role, differ)
        self.progress.finish_stage(stage, "recorded; their scorer's noise is taken as 0")

    def put_rewrites(self, producers: Mapping[str, str]) -> None:
        """`producers`: of pre and post, whose rewards of the rewrites come from this file too."""
        features = [feature.name for feature in self.study.features]
        roles = ("rewriter", "embedder", "relabeler")
        path = self.study.rewrites.path
        played = {role: self._play(role, [path], features=features) for role in roles}
        keys = dataset.source_keys(self.store)
        entries = _entries(keys, self.found.rewrites)
        self.progress.start_stage("rewrites", len(entries))
        refused, differ = _put_rewrites(self.store, {**producers, **played}, entries)
        self._warn_shared("originals of rewrites", differ)
        for reason, count in refused.items():
            self.progress.count(**{f"refused: {reason}": count})
        self.progress.count(rewrites=len(entries) - sum(refused.values()))
        self.progress.finish_stage("rewrites")

    def _play(self, role: str, paths: Sequence[str | None], **others: Any) -> str:
        files = [path for path in paths if path is not None]
        identity = {
            "kind": "recorded",
            "role": role,
            "files_sha256": [self.found.sha256[path] for path in files],
            "dataset": self.dataset_sha256,  # rows are joined to its ids
            **others,
        }
        return self.play(role, Path(files[0]).name, identity)

    def _warn_shared(self, role: str, differ: int) -> None:
        if differ:
            self.progress.warn(
                f"{role}: {differ:,} entries are recorded with other values than an entry of the "
                "same text; what the first pair says counts"
            )


def by_text(keys: Mapping[Key, int], rows: Mapping[Key, T]) -> tuple[dict[int, T], int]:
    """Results by text, and how many entries say something else of a text than the first pair that
    has it, which counts."""
    found: dict[int, T] = {}
    differ = 0
    for key, text in keys.items():
        if key in rows:
            differ += found.setdefault(text, rows[key]) != rows[key]
    return found, differ


def put_rewards(cursor: Any, producer: str, rewards: Mapping[int, float]) -> None:
    n = len(rewards)
    values = np.array(list(rewards.values()), dtype=np.float64)
    made = Rewards(values, np.zeros(n, np.int32), np.zeros(n, bool), (None,) * n)
    results.put_scores(cursor, producer, list(rewards), made)


def _entries(
    keys: Mapping[Key, int], rows: Sequence[RecordedRewrite]
) -> list[tuple[str, int, RecordedSide]]:
    """(strategy, original's text id, rewrite) in pair order, whatever the order of the file."""
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

    Returns why rewrites were refused, reason → how many, and how many originals are labeled
    otherwise than in an earlier row."""
    differ = 0
    refused: dict[str, int] = {}
    labels: dict[int, list[int]] = {}
    rewards: dict[str, dict[int, float]] = {"pre": {}, "post": {}}
    cosines: dict[tuple[int, int], float] = {}
    rows: dict[str, list[tuple[int, str, str | None, int | None]]] = {}
    transcripts = [canonical(entry.text) for _, _, entry in entries]
    usable = [text for text in transcripts if problem(text) is None]
    with store.write() as cursor:
        ids = dict(zip(usable, dataset.put_texts(cursor, usable), strict=True))
        for (strategy, before, entry), transcript in zip(entries, transcripts, strict=True):
            why, after = problem(transcript), ids.get(transcript)
            rows.setdefault(strategy, []).append((before, entry.text, why, after))
            if after is None:
                refused[str(why)] = refused.get(str(why), 0) + 1
                continue
            differ += labels.setdefault(before, entry.original_labels) != entry.original_labels
            labels.setdefault(after, entry.labels)
            cosines.setdefault((before, after), min(max(entry.cosine, -1.0), 1.0))
            for role, of in rewards.items():
                of.setdefault(after, entry.rewards[role])
        for strategy, written in rows.items():
            results.put_rewrites(cursor, producers["rewriter"], strategy, written)
        results.put_recorded_labels(cursor, producers["relabeler"], labels)
        results.put_similarities(
            cursor, producers["embedder"], list(cosines), list(cosines.values())
        )
        for role, of in rewards.items():
            put_rewards(cursor, producers[role], of)
    return refused, differ
