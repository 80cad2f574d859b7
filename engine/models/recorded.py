"""Labels and scores read from a file instead of asked of a model: published or another tool's."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.data.dialogue import canonical
from engine.data.records import SIDES, Faults, Record, key_of, read_records, some
from engine.errors import BadInput
from engine.taxonomy import Feature

MISSING = -128  # a label that the file does not give; as in engine.paper.inputs

Key = tuple[str, str]  # (pair's source id, side)

_WORDS = {
    "bool": {"true": 1, "false": 0, "1": 1, "0": 0},
    "sentiment": {"negative": -1, "neutral": 0, "positive": 1, "-1": -1, "0": 0, "1": 1},
}
# SEAL's `compare` files and RewardBench's per-pair scores.
_SCORES = (("chosen_score", "rejected_score"), ("scores_chosen", "scores_rejected"))
_VERDICTS = ("agreement", "results")


@dataclass
class RecordedLabels:
    """`values` in the order of the features; of how many entries the file has the text, and whose
    text is not the pair's."""

    values: dict[Key, list[int]] = field(default_factory=dict)
    texts: int = 0
    other_texts: list[Key] = field(default_factory=list)


def text_digest(transcript: str) -> bytes:
    """Equal for transcripts that differ in blank space or the form of their markers alone."""
    plain = " ".join(canonical(transcript).split())
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def read_labels(
    path: Path, features: Sequence[Feature], texts: Mapping[str, tuple[str, str]] | None = None
) -> RecordedLabels:
    """The labels of a file, one entry per row: JSON lines of the form
    {"id": …, "side": "chosen" | "rejected", "labels": {feature: value}}, or SEAL's `taxonomy` kind:
    row_id, preference, text and a column per feature under its released name or ours. `texts`:
    chosen and rejected transcript of each pair, to compare with the file's.

    Raises BadInput naming file, line, field and how many rows are so.
    """
    if not path.is_file():
        raise BadInput(f"{path}: labels file not found")
    found, faults, cells = RecordedLabels(), Faults(path), _Cells(path, features)
    for record in read_records(path):
        flat = "preference" in record.fields
        key = _entry(path, record, "preference" if flat else "side")
        if key in found.values:
            faults.add(
                "entries are labeled twice", record.line, f"{key[1]} of {key[0]} is labeled twice"
            )
        if flat:
            found.values[key] = cells.values(record, faults)
            if texts is not None and (text := record.fields.get("text")):
                found.texts += 1
                mine = texts[key[0]][SIDES.index(key[1])] if key[0] in texts else text
                if text != mine and text_digest(str(text)) != text_digest(str(mine)):
                    found.other_texts.append(key)
        else:
            given = _nested_labels(path, record)
            found.values[key] = [_value(f, given, record.line, faults) for f in features]
    faults.check()
    if not found.values:
        raise BadInput(f"{path}: contains no labels")
    return found


def _entry(path: Path, record: Record, side_field: str) -> Key:
    side = record.fields.get(side_field)
    if side not in SIDES:
        if side_field not in record.fields:
            raise BadInput(
                f'{path}, line {record.line}: expected {{"id": …, "side": …, "labels": {{…}}}} or '
                "the columns row_id, preference and the features"
            )
        raise BadInput(f"{path}, line {record.line}: {side_field} must be chosen or rejected")
    return key_of(path, record), str(side)


def _nested_labels(path: Path, record: Record) -> Mapping[str, Any]:
    labels = record.fields.get("labels")
    if not isinstance(labels, dict):
        raise BadInput(f"{path}, line {record.line}: expected labels as {{feature: value}}")
    return labels


class _Cells:
    """Labels of rows with a column per feature, under its released name or ours; an empty cell is
    a label that was not given. Millions of cells hold a few words, so each is judged once."""

    def __init__(self, path: Path, features: Sequence[Feature]) -> None:
        self.path = path
        names = [(f.released or f.name, f.name) for f in features]
        known: list[dict[object, int]] = [{} for _ in features]
        self.columns = list(zip(features, *zip(*names, strict=True), known, strict=True))

    def values(self, record: Record, faults: Faults) -> list[int]:
        fields, found, given = record.fields, [], False
        for feature, released, own, known in self.columns:
            cell = fields.get(released)
            if cell is None:
                cell = fields.get(own)
            if cell is None:
                found.append(MISSING)
                continue
            given = True
            value = known.get(cell) if type(cell) is str else None
            if value is None:
                value = label(feature, word_value(feature, cell), record.line, faults)
                if type(cell) is str and value != MISSING:
                    known[cell] = value
            found.append(value)
        if not given:
            columns = ", ".join(released for _, released, _, _ in self.columns)
            raise BadInput(
                f"{self.path}, line {record.line}: no label at all; the columns are {columns}"
            )
        return found


def word_value(feature: Feature, value: object) -> object:
    """A cell as a label; what is no label comes back as it is, to be refused by name."""
    if isinstance(value, (str, bool)):
        return _WORDS[feature.kind].get(str(value).strip().lower(), value)
    return value


def _value(feature: Feature, given: Mapping[str, Any], line: int, faults: Faults) -> int:
    if feature.name not in given:
        return MISSING
    return label(feature, given[feature.name], line, faults)


def label(feature: Feature, value: object, line: int, faults: Faults) -> int:
    """The label, MISSING with a fault where it is none."""
    if not isinstance(value, int) or value not in feature.values:
        words = f"{feature.name} is {str(value)[:40]!r}" if isinstance(value, str) else ""
        words = words or f"{feature.name} is {str(value)[:40]}"
        faults.add("labels are so", line, f"{words}, must be one of {feature.values}")
        return MISSING
    return int(value)


def read_scores(path: Path, allow_squashed: bool = False) -> dict[str, tuple[float, float]]:
    """Pair's source id → (chosen, rejected). SEAL's `compare` kind (row_id, chosen_score,
    rejected_score, agreement) or RewardBench's (id, scores_chosen, scores_rejected, results).

    Raises BadInput naming file, line, column and how many rows are so.
    """
    if not path.is_file():
        raise BadInput(f"{path}: score file not found")
    found: dict[str, tuple[float, float]] = {}
    faults = Faults(path)
    for record in read_records(path):
        columns = next((pair for pair in _SCORES if set(pair) & record.fields.keys()), None)
        if columns is None:
            raise BadInput(
                f"{path}, line {record.line}: no scores; the columns are row_id, chosen_score, "
                "rejected_score, or id, scores_chosen, scores_rejected"
            )
        key = key_of(path, record)
        chosen, rejected = (number(record, name, faults) for name in columns)
        if key in found:
            faults.add("rows are duplicates", record.line, f"{key} is scored twice")
        for verdict in _VERDICTS:
            check_verdict(record, verdict, chosen, rejected, faults)
        found[key] = chosen, rejected
    faults.check()
    if not found:
        raise BadInput(f"{path}: contains no scores")
    if not allow_squashed and all(0 <= score <= 1 for pair in found.values() for score in pair):
        raise BadInput(
            f"{path}: all {2 * len(found):,} scores lie within [0, 1]: these look like squashed "
            "logits (a sigmoid or softmax), so their differences are not differences in reward; "
            "record raw logits, or allow them (--allow-squashed, allow_squashed = true)"
        )
    return found


def number(record: Record, name: str, faults: Faults) -> float:
    """The finite number of a column, NaN with a fault where there is none."""
    value = record.fields.get(name)
    try:
        found = float(value) if isinstance(value, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if isinstance(value, bool) or not math.isfinite(found):
        shown = "missing" if value is None else str(value)[:40]
        faults.add("numbers are so", record.line, f"{name} is {shown}, not a finite number")
        return math.nan
    return found


def check_verdict(
    record: Record, name: str, chosen: float, rejected: float, faults: Faults
) -> None:
    """A column that says whether chosen has the higher score must say what the scores say."""
    said = {"true": 1.0, "false": 0.0}.get(str(record.fields.get(name)).strip().lower())
    if said is None:
        try:
            said = float(record.fields[name])
        except (KeyError, ValueError, TypeError):
            return  # not given, or some other result
    if math.isnan(chosen) or math.isnan(rejected):
        return
    # Half a point is how some give a tie.
    right = chosen == rejected if said == 0.5 else (said == 1) == (chosen > rejected)
    if not right:
        words = f"{name} is {record.fields[name]}, but the scores are {chosen:g} and {rejected:g}"
        faults.add("rows contradict themselves", record.line, words)


def check_keys(
    path: Path, what: str, keys: Sequence[str], known: Collection[str], spare: int
) -> None:
    """Raises BadInput if more than `spare` of these keys belong to no pair."""
    unknown = [key for key in keys if key not in known]
    if len(unknown) > spare:
        raise BadInput(
            f"{path}: {len(unknown):,} of {len(keys):,} {what} match no pair: row_id "
            f"{some(unknown)}; the pairs have {some(sorted(known))}"
        )
