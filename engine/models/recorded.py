"""Labels read from a file instead of asked of a model: gold labels, or another tool's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from engine.data.pairs import DataError
from engine.taxonomy import Feature

MISSING = -128  # a label that the file does not give; as in engine.paper.inputs


def read_labels(path: Path, features: Sequence[Feature]) -> dict[tuple[str, str], list[int]]:
    """(pair's source id, side) → values in the order of `features`.

    The file is JSON lines: {"id": …, "side": "chosen" | "rejected", "labels": {feature: value}}.
    Raises DataError naming file, line and field.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such labels file")
    found: dict[tuple[str, str], list[int]] = {}
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
                key = (str(row["id"]), row["side"])
                labels = row["labels"].items()
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise DataError(
                    f'{where}: expected {{"id": …, "side": …, "labels": {{…}}}}'
                ) from None
            if key[1] not in ("chosen", "rejected"):
                raise DataError(f"{where}: side must be chosen or rejected")
            if key in found:
                raise DataError(f"{where}: {key[1]} of {key[0]} is labeled twice")
            found[key] = _values(dict(labels), features, where)
    if not found:
        raise DataError(f"{path}: holds no labels")
    return found


def _values(labels: dict[str, object], features: Sequence[Feature], where: str) -> list[int]:
    values = []
    for feature in features:
        value = labels.get(feature.name, MISSING)
        if value is not MISSING and (isinstance(value, float) or value not in feature.values):
            raise DataError(
                f"{where}: {feature.name} is {value!r}, must be one of {feature.values}"
            )
        values.append(int(value))
    return values
