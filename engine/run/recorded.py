"""Reads a study's recorded results, and checks them against the pairs.

Everything is checked before anything is stored, so that bad input leaves nothing half-imported.
As a module it only checks a study: `python -m engine.run.recorded STUDY.toml`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from engine import child
from engine import study as studies
from engine.backends.labelers.recorded import RecordedLabelsBackend
from engine.backends.rewards.recorded import RecordedScoresBackend
from engine.data.records import SIDES, examples
from engine.errors import BadInput
from engine.models.recorded import (
    MISSING,
    Key,
    RecordedLabels,
    check_keys,
    read_labels,
    read_scores,
    text_digest,
)
from engine.models.recorded_rewrites import RecordedRewrite, read_rewrites
from engine.run import ingest
from engine.run.ingest import Source
from engine.study import Study

SAME_MODEL = 0.1  # a larger difference cannot be rounding: the rewards are of two models

T = TypeVar("T")


@dataclass
class Recorded:
    """Results from files, by labeler and by role; `sha256` of each file by its path."""

    labels: dict[str, RecordedLabels] = field(default_factory=dict)
    scores: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    rewrites: list[RecordedRewrite] = field(default_factory=list)
    sha256: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read(study: Study, source: Source) -> Recorded:
    """Read and check every recorded file of a study. Raises BadInput."""
    recorded = Recorded()
    if not _has_files(study):
        return recorded
    texts = {
        pair.source_id: (pair.chosen.transcript, pair.rejected.transcript)
        for pair in source.all_pairs()
    }
    needed = [pair.source_id for pair in source.pairs()] if source.selected else list(texts)
    rejects = sum(source.rejects.values())
    for name, labeler in study.labelers.items():
        if isinstance(labeler, RecordedLabelsBackend):
            path = Path(labeler.path)
            recorded.labels[name] = _labels(recorded, study, name, path, texts, rejects)
    for role, reward in (("pre", study.pre), ("post", study.post)):
        if isinstance(reward, RecordedScoresBackend):
            path = Path(reward.path)
            scores = read_scores(path, reward.allow_squashed, texts)
            recorded.sha256[reward.path] = _sha256(path)
            check_keys(path, "scores", list(scores), texts, rejects)
            if missing := [key for key in needed if key not in scores]:
                raise BadInput(
                    f"{path}: {len(missing):,} of {len(needed):,} pairs have no score: row_id "
                    f"{examples(missing)}; every pair needs one"
                )
            recorded.scores[role] = {key: scores[key] for key in needed}
    if study.rewrites.path is not None:
        recorded.rewrites = _rewrites(recorded, study, texts, set(needed), rejects)
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


def _labels(
    recorded: Recorded,
    study: Study,
    name: str,
    path: Path,
    texts: Mapping[str, tuple[str, str]],
    rejects: int,
) -> RecordedLabels:
    labels = read_labels(path, study.features, texts)
    recorded.sha256[str(path)] = _sha256(path)
    check_keys(path, "labels", [key for key, _ in labels.values], texts, 2 * rejects)
    _refuse_texts(path, labels.other_texts, labels.texts)
    columns = np.array(list(labels.values.values()), dtype=np.int16)
    absent = [
        f.released or f.name
        for f, c in zip(study.features, columns.T, strict=True)
        if (c == MISSING).all()
    ]
    if absent:
        recorded.warnings.append(
            f"labeler {name}: {path.name} has no labels of {', '.join(absent)}"
        )
    return labels


def _refuse_texts(path: Path, wrong: Sequence[Key], total: int) -> None:
    """Raises BadInput if texts in the file differ from the pairs', since the keys may be wrong."""
    if wrong:
        keys = examples([f"{key} {side}" for key, side in wrong])
        raise BadInput(
            f"{path}: {len(wrong):,} of {total:,} texts differ from the pairs with the "
            f"same row_id: {keys}; are these the results of other pairs?"
        )


def _rewrites(
    recorded: Recorded,
    study: Study,
    texts: Mapping[str, tuple[str, str]],
    needed: Collection[str],
    rejects: int,
) -> list[RecordedRewrite]:
    path = Path(study.rewrites.path or "")
    rows = read_rewrites(path, study.features, study.rewrites.strategies)
    recorded.sha256[str(path)] = _sha256(path)
    check_keys(path, "rewrites", [row.key for row in rows], texts, rejects)
    originals = [
        ((row.key, side), entry.original_text)
        for row in rows
        for side, entry in zip(SIDES, row.sides, strict=True)
        if entry.original_text is not None
    ]
    wrong = [
        (key, side)
        for (key, side), digest in originals
        if key in texts and text_digest(texts[key][SIDES.index(side)]) != digest
    ]
    _refuse_texts(path, wrong, len(originals))
    rows = [row for row in rows if row.key in needed]
    for role, scores in recorded.scores.items():
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


# ---------------------------------------------------------------- checking only


def check(study_file: Path) -> dict[str, int]:
    """The number of pairs and of rewrites that a run would import."""
    study = studies.load(study_file)
    source = ingest.read(study)
    source.check()
    recorded = read(study, source)
    return {"pairs": source.count, "rewrites": len(recorded.rewrites)}


if __name__ == "__main__":
    sys.exit(child.answer(lambda: check(Path(sys.argv[1]))))
