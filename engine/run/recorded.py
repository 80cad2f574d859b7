"""Reads a study's recorded results, and checks them against the pairs.

Everything is checked before anything is stored, so that bad input leaves nothing half-imported.
As a module it only checks a study: `python -m engine.run.recorded STUDY.toml`.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine import child
from engine import study as studies
from engine.backends.labelers.recorded import RecordedLabelsBackend
from engine.backends.rewards.recorded import RecordedScoresBackend
from engine.data.records import SIDES, examples
from engine.data.watching import Watch, unwatched
from engine.errors import BadInput
from engine.models.recorded import (
    MISSING,
    Key,
    RecordedLabels,
    check_keys,
    exact_digest,
    read_labels,
    read_scores,
    text_digest,
)
from engine.models.recorded_rewrites import RecordedRewrite, read_rewrites
from engine.run import ingest
from engine.run.ingest import Source
from engine.study import Study

PAIRS = "pairs"  # what is read, beside files by their names
TELL_S = 0.5
SAME_MODEL = 0.1  # a larger difference cannot be rounding: the rewards are of two models


@dataclass
class Recorded:
    """Results from files, by labeler and by role; `sha256` of each file by its path."""

    labels: dict[str, RecordedLabels] = field(default_factory=dict)
    scores: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    rewrites: list[RecordedRewrite] = field(default_factory=list)
    sha256: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


Progress = Callable[[str], Watch]  # called with what is read next, for who is to be told how far


def _unseen(what: str) -> Watch:
    return unwatched


def read(study: Study, source: Source, progress: Progress = _unseen) -> Recorded:
    """Read and check every recorded file of a study. Raises BadInput.

    No text is kept: of the pairs' texts, only their digests are.
    """
    recorded = Recorded()
    if not _has_files(study):
        return recorded
    texts: dict[str, tuple[bytes, bytes]] = {}
    needed: dict[str, None] = {}
    for place, pair in enumerate(source.all_pairs(progress(PAIRS))):
        sides = pair.chosen.transcript, pair.rejected.transcript
        texts[pair.source_id] = exact_digest(sides[0]), exact_digest(sides[1])
        if source.selected is None or place in source.selected:
            needed[pair.source_id] = None
    reader = _Reader(study, source, recorded, texts, needed, progress)
    for name, labeler in study.labelers.items():
        if isinstance(labeler, RecordedLabelsBackend):
            recorded.labels[name] = reader.labels(name, Path(labeler.path))
    for role, reward in (("pre", study.pre), ("post", study.post)):
        if isinstance(reward, RecordedScoresBackend):
            recorded.scores[role] = reader.scores(reward)
    if study.rewrites.path is not None:
        recorded.rewrites = reader.rewrites(Path(study.rewrites.path))
    return recorded


def _has_files(study: Study) -> bool:
    back_ends = (*study.labelers.values(), study.pre, study.post)
    return study.rewrites.path is not None or any(
        isinstance(back_end, RecordedLabelsBackend | RecordedScoresBackend)
        for back_end in back_ends
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class _Reader:
    """Reads files against the pairs. `texts`: exact digests of all pairs; `needed`: the ids of the
    study's pairs."""

    study: Study
    source: Source
    recorded: Recorded
    texts: Mapping[str, tuple[bytes, bytes]]
    needed: Collection[str]
    progress: Progress

    @property
    def _rejects(self) -> int:
        return sum(self.source.rejects.values())

    def labels(self, name: str, path: Path) -> RecordedLabels:
        features = self.study.features
        labels = read_labels(path, features, self.texts, self.progress(path.name))
        self.recorded.sha256[str(path)] = _sha256(path)
        keys = [key for key, _ in labels.values]
        check_keys(path, "labels", keys, self.texts, 2 * self._rejects)
        self._refuse_texts(path, list(labels.other_texts.items()), labels.texts)
        absent = [
            feature.released or feature.name
            for at, feature in enumerate(features)
            if all(values[at] == MISSING for values in labels.values.values())
        ]
        if absent:
            self.recorded.warnings.append(
                f"labeler {name}: {path.name} has no labels of {', '.join(absent)}"
            )
        return labels

    def scores(self, reward: RecordedScoresBackend) -> dict[str, tuple[float, float]]:
        path = Path(reward.path)
        scores = read_scores(path, reward.allow_squashed, self.texts, self.progress(path.name))
        self.recorded.sha256[reward.path] = _sha256(path)
        check_keys(path, "scores", list(scores), self.texts, self._rejects)
        if missing := [key for key in self.needed if key not in scores]:
            raise BadInput(
                f"{path}: {len(missing):,} of {len(self.needed):,} pairs have no score: row_id "
                f"{examples(missing)}; every pair needs one"
            )
        return {key: scores[key] for key in self.needed}

    def rewrites(self, path: Path) -> list[RecordedRewrite]:
        strategies = self.study.rewrites.strategies
        rows = read_rewrites(path, self.study.features, strategies, self.progress(path.name))
        self.recorded.sha256[str(path)] = _sha256(path)
        check_keys(path, "rewrites", [row.key for row in rows], self.texts, self._rejects)
        originals = [
            ((row.key, side), entry.original_text)
            for row in rows
            for side, entry in zip(SIDES, row.sides, strict=True)
            if entry.original_text is not None
        ]
        self._refuse_texts(path, originals, len(originals))
        rows = [row for row in rows if row.key in self.needed]
        for role, scores in self.recorded.scores.items():
            apart = [
                row.key
                for row in rows
                for score, entry in zip(scores[row.key], row.sides, strict=True)
                if abs(entry.original_rewards.get(role, score) - score) > SAME_MODEL
            ]
            if apart:
                raise BadInput(
                    f"{path}: {len(apart):,} original entries have {role} rewards that differ from "
                    f"the score file: row_id {examples(apart)}; both must come from the same model"
                )
        return rows

    def _refuse_texts(self, path: Path, found: Sequence[tuple[Key, bytes]], total: int) -> None:
        """Raises BadInput if texts in the file differ from the pairs', since the keys may be wrong.
        `found` are the digests of those that may differ: only for them are the pairs read again."""
        if not found:
            return
        keys = {key for key, _ in found}
        digests = {
            key: text_digest(conversation.transcript)
            for pair in self.source.all_pairs(self.progress(PAIRS))
            for side, conversation in zip(SIDES, (pair.chosen, pair.rejected), strict=True)
            if (key := (pair.source_id, side)) in keys
        }
        if wrong := [key for key, digest in found if digests.get(key, digest) != digest]:
            some = examples([f"{key} {side}" for key, side in wrong])
            raise BadInput(
                f"{path}: {len(wrong):,} of {total:,} texts differ from the pairs with the "
                f"same row_id: {some}; are these the results of other pairs?"
            )


# ---------------------------------------------------------------- checking only


def check(study_file: Path) -> dict[str, int]:
    """The number of pairs and of rewrites that a run would import."""
    study = studies.load(study_file)
    source = ingest.read(study, _telling(PAIRS, 0))
    source.check()
    recorded = read(study, source, lambda what: _telling(what, source.rows * (what == PAIRS)))
    return {"pairs": source.count, "rewrites": len(recorded.rewrites)}


def _telling(what: str, total: int) -> Watch:
    """Tells how many rows of `what` were read, and of a known total how long the rest takes."""
    began = told = time.monotonic()
    done = 0

    def watch(rows: int) -> None:
        nonlocal done, told
        done, now = done + rows, time.monotonic()
        if now - told < TELL_S:
            return
        told, rate = now, done / (now - began)
        left = f", {(total - done) / rate:.0f} s left" if total > done else ""
        of = f" of {total:,}" if total > done else ""
        child.tell(f"reading {what}: {done:,}{of} rows, {rate:,.0f} a second{left}")

    return watch


if __name__ == "__main__":
    sys.exit(child.answer(lambda: check(Path(sys.argv[1]))))
