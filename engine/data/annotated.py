"""Files of annotated pairs (ICAI, Feedback Forensics): one JSON object with all comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from engine.data.jsonl import whole
from engine.data.pairs import Reject, Row
from engine.errors import BadInput

COMPARISONS = "comparisons"


def is_annotated(head: bytes) -> bool:
    """Whether a file that begins like this is one JSON object of annotated pairs."""
    return head.lstrip().startswith(b"{") and b'"annotators"' in head and b'"comparisons"' in head


def comparison_rows(path: Path, name: str) -> Iterator[Row | Reject]:
    """The comparisons of a file, numbered from 1, each with the default annotator and the names of
    all annotators who judge which response is better (principles do not)."""
    text, damage = whole(path, name)
    if damage is not None:
        yield damage.reject(name, 1)
        return
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{name} is not valid JSON: {error}") from None
    comparisons = content.get(COMPARISONS)
    if not isinstance(comparisons, list):
        raise BadInput(f"{name} does not contain preference pairs: comparisons is no list")
    shared = _shared(content)
    for number, comparison in enumerate(comparisons, 1):
        value = {**comparison, **shared} if isinstance(comparison, Mapping) else comparison
        yield Row(number, value, value)


def frame(path: Path, name: str) -> str:
    """A file without its comparisons, as JSON."""
    text, _ = whole(path, name)
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{name} is not valid JSON: {error}") from None
    return orjson.dumps({**content, COMPARISONS: []}).decode()


def unframed(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it stands in its file, without what the file says about all rows."""
    return {key: value for key, value in row.items() if key not in _shared({})}


def _shared(content: Mapping[str, Any]) -> dict[str, Any]:
    metadata, annotators = content.get("metadata"), content.get("annotators")
    judges = {
        annotator: about.get("name") or annotator
        for annotator, about in (annotators.items() if isinstance(annotators, Mapping) else ())
        if isinstance(about, Mapping) and about.get("type") != "principle"
    }
    default = metadata.get("default_annotator") if isinstance(metadata, Mapping) else None
    return {"default_annotator": default, "annotators": judges}
