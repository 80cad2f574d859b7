"""Reads labels and scores from files: published ones, or those of another tool."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.data.records import SIDES, Problems, Record, examples, key_of, read_records
from engine.data.transcript import canonical
from engine.data.watching import Watch, unwatched, watched
from engine.errors import BadInput
from engine.taxonomy import Feature

MISSING = -128  # a label that the file does not have; as in engine.paper.inputs

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
    """`values` in the order of the features; `texts`: the number of entries whose text the file
    contains; `other_texts`: the digests (`text_digest`) of those that are not the pair's to the
    letter."""

    values: dict[Key, list[int]] = field(default_factory=dict)
    texts: int = 0
    other_texts: dict[Key, bytes] = field(default_factory=dict)


def exact_digest(transcript: str) -> bytes:
    """Equal for equal transcripts only. It takes a tenth of the time of `text_digest`."""
    return hashlib.blake2b(transcript.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def text_digest(transcript: str) -> bytes:
    """Equal for transcripts that differ only in white space or in the form of their markers."""
    plain = " ".join(canonical(transcript).split())
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def read_labels(
    path: Path,
    features: Sequence[Feature],
    texts: Mapping[str, tuple[bytes, bytes]] | None = None,
    watch: Watch = unwatched,
) -> RecordedLabels:
    """The labels of a file, one entry per row: JSON lines of the form
    {"id": …, "side": "chosen" | "rejected", "labels": {feature: value}}, or SEAL's `taxonomy` kind:
    row_id, preference, text and a column per feature under its released name or its own. `texts`:
    the exact digests of the chosen and the rejected transcript of each pair, to compare with the
    file's.

    Raises BadInput naming file, line, field and the number of rows affected.
    """
    if not path.is_file():
        raise BadInput(f"{path}: labels file not found")
    recorded, problems, cells = RecordedLabels(), Problems(path), _Cells(path, features)
    for record in watched(read_records(path), watch):
        flat = "preference" in record.fields
        key = _entry(path, record, "preference" if flat else "side")
        if key in recorded.values:
            problems.add(
                "entries are labeled twice", record.line, f"{key[1]} of {key[0]} is labeled twice"
            )
        if flat:
            recorded.values[key] = cells.values(record, problems)
            if texts is not None and (text := record.fields.get("text")):
                recorded.texts += 1
                known = texts.get(key[0])
                if known and known[SIDES.index(key[1])] != exact_digest(str(text)):
                    recorded.other_texts[key] = text_digest(str(text))
        else:
            nested = _nested_labels(path, record)
            recorded.values[key] = [_value(f, nested, record.line, problems) for f in features]
    problems.check()
    if not recorded.values:
        raise BadInput(f"{path}: contains no labels")
    return recorded


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
    """Labels of rows with a column per feature, under its released name or its own. An empty cell
    is a missing label. Millions of cells hold a few distinct words, so each is parsed once."""

    def __init__(self, path: Path, features: Sequence[Feature]) -> None:
        self.path = path
        names = [(f.released or f.name, f.name) for f in features]
        parsed: list[dict[object, int]] = [{} for _ in features]
        self.columns = list(zip(features, *zip(*names, strict=True), parsed, strict=True))

    def values(self, record: Record, problems: Problems) -> list[int]:
        fields, labeled = record.fields, False
        values: list[int] = []
        for feature, released, own, parsed in self.columns:
            cell = fields.get(released)
            if cell is None:
                cell = fields.get(own)
            if cell is None:
                values.append(MISSING)
                continue
            labeled = True
            value = parsed.get(cell) if type(cell) is str else None
            if value is None:
                value = label(feature, word_value(feature, cell), record.line, problems)
                if type(cell) is str and value != MISSING:
                    parsed[cell] = value
            values.append(value)
        if not labeled:
            columns = ", ".join(released for _, released, _, _ in self.columns)
            raise BadInput(
                f"{self.path}, line {record.line}: no label at all; the columns are {columns}"
            )
        return values


def word_value(feature: Feature, value: object) -> object:
    """A cell as a label. Other values are returned unchanged, so that errors can name them."""
    if isinstance(value, (str, bool)):
        return _WORDS[feature.kind].get(str(value).strip().lower(), value)
    return value


def _value(feature: Feature, labels: Mapping[str, Any], line: int, problems: Problems) -> int:
    if feature.name not in labels:
        return MISSING
    return label(feature, labels[feature.name], line, problems)


def label(feature: Feature, value: object, line: int, problems: Problems) -> int:
    """The label; MISSING, with a problem recorded, if the value is not a label."""
    if not isinstance(value, int) or value not in feature.values:
        cell = repr(value[:40]) if isinstance(value, str) else str(value)[:40]
        message = f"{feature.name} is {cell}, must be one of {feature.values}"
        problems.add("labels are affected", line, message)
        return MISSING
    return int(value)


def read_scores(
    path: Path,
    allow_squashed: bool = False,
    pairs: Collection[str] = (),
    watch: Watch = unwatched,
) -> dict[str, tuple[float, float]]:
    """Pair's source id → (chosen, rejected). SEAL's `compare` kind (row_id, chosen_score,
    rejected_score, agreement), RewardBench's (id, scores_chosen, scores_rejected, results), or
    RewardBench 2's with a list per prompt (id, scores, num_correct), of which those of `pairs`
    are taken.

    Raises BadInput naming file, line, column and the number of rows affected.
    """
    if not path.is_file():
        raise BadInput(f"{path}: score file not found")
    scores: dict[str, tuple[float, float]] = {}
    problems = Problems(path)
    for record in watched(read_records(path), watch):
        columns = next((pair for pair in _SCORES if set(pair) & record.fields.keys()), None)
        if columns is None and isinstance(record.fields.get("scores"), list):
            scores |= _of_responses(path, record, pairs, problems)
            continue
        if columns is None:
            raise BadInput(
                f"{path}, line {record.line}: no scores; the columns are row_id, chosen_score, "
                "rejected_score, or id, scores_chosen, scores_rejected, or id, scores, num_correct"
            )
        key = key_of(path, record)
        chosen, rejected = (number(record, name, problems) for name in columns)
        if key in scores:
            problems.add("rows are duplicates", record.line, f"{key} is scored twice")
        for verdict in _VERDICTS:
            check_verdict(record, verdict, chosen, rejected, problems)
        scores[key] = chosen, rejected
    problems.check()
    if not scores:
        raise BadInput(f"{path}: contains no scores")
    if not allow_squashed and all(0 <= score <= 1 for pair in scores.values() for score in pair):
        raise BadInput(
            f"{path}: all {2 * len(scores):,} scores lie within [0, 1]: these look like squashed "
            "logits (a sigmoid or softmax), so their differences are not differences in reward; "
            "record raw logits, or allow them (--allow-squashed, allow_squashed = true)"
        )
    return scores


def _of_responses(
    path: Path, record: Record, pairs: Collection[str], problems: Problems
) -> dict[str, tuple[float, float]]:
    """The scores of the pairs of one prompt. The first `num_correct` responses are the chosen ones;
    a pair is known by the numbers of its two responses, or by the prompt's id if it is the only
    one, which compares the first chosen with the first rejected one."""
    values, correct = record.fields["scores"], record.fields.get("num_correct")
    if not isinstance(correct, int) or not 0 < correct < len(values):
        raise BadInput(
            f"{path}, line {record.line}: num_correct is {str(correct)[:40]}, but must say how "
            f"many of the {len(values)} scores are those of chosen responses"
        )
    key = key_of(path, record)
    scores = [number(Record(record.line, {"scores": v}), "scores", problems) for v in values]
    places = [(one, other) for one in range(correct) for other in range(correct, len(values))]
    found = {
        pair: (scores[one], scores[other])
        for one, other in places
        if (pair := f"{key}:{one}-{other}") in pairs
    }
    return found or {key: (scores[0], scores[correct])}


def number(record: Record, name: str, problems: Problems) -> float:
    """The finite number in a column; NaN, with a problem recorded, if there is none."""
    value = record.fields.get(name)
    try:
        result = float(value) if isinstance(value, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        result = math.nan
    if isinstance(value, bool) or not math.isfinite(result):
        cell = "missing" if value is None else str(value)[:40]
        problems.add("numbers are affected", record.line, f"{name} is {cell}, not a finite number")
        return math.nan
    return result


def check_verdict(
    record: Record, name: str, chosen: float, rejected: float, problems: Problems
) -> None:
    """Checks that a column which says whether chosen has the higher score agrees with the
    scores."""
    verdict = {"true": 1.0, "false": 0.0}.get(str(record.fields.get(name)).strip().lower())
    if verdict is None:
        try:
            verdict = float(record.fields[name])
        except (KeyError, ValueError, TypeError):
            return  # missing, or some other result
    if math.isnan(chosen) or math.isnan(rejected):
        return
    # Some tools record a tie as half a point.
    agrees = chosen == rejected if verdict == 0.5 else (verdict == 1) == (chosen > rejected)
    if not agrees:
        message = f"{name} is {record.fields[name]}, but the scores are {chosen:g} and {rejected:g}"
        problems.add("rows contradict themselves", record.line, message)


def check_keys(
    path: Path, what: str, keys: Sequence[str], pairs: Collection[str], spare: int
) -> None:
    """Raises BadInput if more than `spare` of these keys belong to no pair."""
    unknown = [key for key in keys if key not in pairs]
    if len(unknown) > spare:
        raise BadInput(
            f"{path}: {len(unknown):,} of {len(keys):,} {what} match no pair: row_id "
            f"{examples(unknown)}; the pairs have {examples(sorted(pairs))}"
        )
