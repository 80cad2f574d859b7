"""The features that a labeler assigns: names, questions, kinds, classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from engine import toml
from engine.errors import BadInput
from engine.settings import explained

DEFAULT = Path(__file__).with_name("default.toml")

MOST = 500

Kind = Literal["bool", "sentiment"]
Role = Literal["target", "spoiler", "other"]


@dataclass(frozen=True)
class Feature:
    """One feature. Labels are 0/1 for `bool` and -1/0/1 for `sentiment` (paper, section 2)."""

    name: str
    question: str
    kind: Kind
    role: Role
    regress: bool = True
    released: str | None = None

    @property
    def values(self) -> tuple[int, ...]:
        return (0, 1) if self.kind == "bool" else (-1, 0, 1)

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers that a labeler chooses from, in the order of `values`."""
        return ("No", "Yes") if self.kind == "bool" else ("negative", "neutral", "positive")


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    question: str
    kind: Kind
    role: Role = msgspec.field(name="class", default="other")
    regress: bool = True
    released: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    feature: list[_Row]


def load(path: Path = DEFAULT) -> tuple[Feature, ...]:
    """Reads a taxonomy file. Raises BadInput, which names the file and the invalid key."""
    try:
        rows = msgspec.convert(toml.read(path, "taxonomy file"), _File).feature
    except msgspec.ValidationError as error:
        raise BadInput(f"{path}: {explained(error, _File)}") from None
    features = tuple(
        Feature(row.name, row.question, row.kind, row.role, row.regress, row.released)
        for row in rows
    )
    check(features, f"{path}: ")
    return features


def check(features: Sequence[Feature], where: str = "") -> None:
    """Raises BadInput, which begins with `where`, if these are no features of a study."""
    if len(features) > MOST:
        raise BadInput(
            f"{where}defines {len(features):,} features; a study has at most {MOST}, since every "
            "one is a question about every answer"
        )
    for place, feature in enumerate(features):
        if not feature.question.strip():
            raise BadInput(f"{where}feature[{place}].question is empty: ask about the feature")
    names = [feature.name for feature in features]
    for name in names:
        if not name.isidentifier():
            raise BadInput(
                f"{where}feature name {name!r} must be a plain identifier: "
                "letters, digits and underscores"
            )
        if names.count(name) > 1:
            raise BadInput(f"{where}feature {name!r} is defined {names.count(name)} times")
    if not features:
        raise BadInput(f"{where}defines no [[feature]]")
