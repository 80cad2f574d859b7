"""Recorded rewrites: SEAL's `rewrite` files, with their labels, rewards and similarities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.data.records import SIDES, Problems, Record, key_of, read_records
from engine.data.watching import Watch, unwatched, watched
from engine.errors import BadInput
from engine.models.recorded import (
    MISSING,
    check_verdict,
    label,
    number,
    text_digest,
    word_value,
)
from engine.taxonomy import Feature

ROLES = {"pre": "rm_control", "post": "rm_aligned"}
DEFAULT_STRATEGY = "neutral"  # what SEAL's own prompt asks for


@dataclass(frozen=True)
class RecordedSide:
    """One rewritten entry. Labels are in the order of the features; original and rewrite have the
    same labeler. Rewards are by role. `original_text` is None if the file does not contain it."""

    text: str
    cosine: float
    rewards: dict[str, float]
    labels: list[int]
    original_labels: list[int]
    original_rewards: dict[str, float]
    original_text: bytes | None


@dataclass(frozen=True)
class RecordedRewrite:
    """Both sides of a pair, rewritten by one strategy."""

    key: str
    strategy: str
    sides: tuple[RecordedSide, RecordedSide]


def read_rewrites(
    path: Path,
    features: Sequence[Feature],
    strategies: Sequence[str],
    watch: Watch = unwatched,
) -> list[RecordedRewrite]:
    """The rewrites of a file, one row per pair (and per `strategy`, if it has that column).

    Raises BadInput naming file, line, column and the number of rows affected.
    """
    if not path.is_file():
        raise BadInput(f"{path}: rewrites file not found")
    rewrites: dict[tuple[str, str], RecordedRewrite] = {}
    problems = Problems(path)
    labeled: Sequence[Feature] | None = None
    for record in watched(read_records(path), watch):
        key = key_of(path, record)
        if labeled is None:
            labeled = [feature for feature in features if _is_labeled(record, feature)]
            _check_columns(path, record, labeled, features)
        strategy = str(record.fields.get("strategy", DEFAULT_STRATEGY))
        if strategy not in strategies:
            message = f"strategy is {strategy[:40]!r}, must be one of {', '.join(strategies)}"
            problems.add("rows are affected", record.line, message)
        if (key, strategy) in rewrites:
            problems.add("rows are duplicates", record.line, f"{key} is rewritten twice")
        chosen, rejected = (_side(record, side, features, labeled, problems) for side in SIDES)
        for role, column in ROLES.items():
            for version in ("original", "rewritten"):
                first, second = (
                    (side.rewards if version == "rewritten" else side.original_rewards).get(role)
                    for side in (chosen, rejected)
                )
                if first is not None and second is not None:
                    name = f"{version}_agreement_dataset_and_{column}"
                    check_verdict(record, name, first, second, problems)
        rewrites[key, strategy] = RecordedRewrite(key, strategy, (chosen, rejected))
    problems.check()
    if not rewrites:
        raise BadInput(f"{path}: contains no rewrites")
    return list(rewrites.values())


def _columns(feature: Feature, version: str, side: str) -> tuple[str, ...]:
    names = (feature.released, feature.name)
    return tuple(f"{version}_{side}_{name}" for name in names if name)


def _is_labeled(record: Record, feature: Feature) -> bool:
    """Whether all four texts of the row have this feature's label."""
    return all(
        any(name in record.fields for name in _columns(feature, version, side))
        for version in ("original", "rewritten")
        for side in SIDES
    )


def _required_columns() -> list[str]:
    return [
        name
        for side in SIDES
        for name in (
            f"rewritten_{side}_text",
            f"original_to_rewritten_{side}_vector_cos_sim",
            *(f"rewritten_{side}_score_{column}" for column in ROLES.values()),
        )
    ]


def _check_columns(
    path: Path, record: Record, labeled: Sequence[Feature], features: Sequence[Feature]
) -> None:
    missing = [name for name in _required_columns() if name not in record.fields]
    if not labeled:
        example = features[0].released or features[0].name
        missing.append(
            f"labels of all four texts, such as original_chosen_{example} … "
            f"rewritten_rejected_{example}"
        )
    if missing:
        raise BadInput(f"{path}: missing columns: {', '.join(missing)}")


def _side(
    record: Record,
    side: str,
    features: Sequence[Feature],
    labeled: Sequence[Feature],
    problems: Problems,
) -> RecordedSide:
    def reward(version: str, column: str) -> float:
        return number(record, f"{version}_{side}_score_{column}", problems)

    def labels(version: str) -> list[int]:
        return [
            _label(record, feature, version, side, problems) if feature in labeled else MISSING
            for feature in features
        ]

    text = record.fields.get(f"rewritten_{side}_text")
    if not isinstance(text, str):
        problems.add("texts are affected", record.line, f"rewritten_{side}_text is missing")
        text = ""
    cosine = number(record, f"original_to_rewritten_{side}_vector_cos_sim", problems)
    if abs(cosine) > 1 + 1e-6:
        problems.add(
            "similarities are affected", record.line, f"the similarity {cosine:g} is not a cosine"
        )
    original = record.fields.get(f"original_{side}_text")
    return RecordedSide(
        text=text,
        cosine=cosine,
        rewards={role: reward("rewritten", column) for role, column in ROLES.items()},
        labels=labels("rewritten"),
        original_labels=labels("original"),
        original_rewards={
            role: reward("original", column)
            for role, column in ROLES.items()
            if f"original_{side}_score_{column}" in record.fields
        },
        original_text=text_digest(original) if isinstance(original, str) else None,
    )


def _label(record: Record, feature: Feature, version: str, side: str, problems: Problems) -> int:
    for name in _columns(feature, version, side):
        if (value := record.fields.get(name)) is not None:
            return label(feature, word_value(feature, value), record.line, problems)
    return MISSING
