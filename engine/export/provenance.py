"""The provenance of an export, stored in the export or in a file next to it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine import __version__
from engine.visible import json_text
from engine.wire.messages import ExportPreview, ExportRequest, Message

KEY = "seal_tui"


class Provenance(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Digests are SHA-256 in hex. `written` is UTC. `sha256` is that of the file it describes;
    `decisions_sha256` is that of what became of every pair. `max_length` is 0 unless the rows over
    it were counted with `tokenizer`."""

    program: str
    format: str
    written: str
    study: str
    study_sha256: str
    dataset_sha256: str
    metrics_sha256: str
    filter: str
    author: str
    ties: str
    discuss: str
    pairs: int
    rows: int
    counts: dict[str, int]
    decisions_sha256: str = ""
    margin: bool = False
    soft_labels: str = ""
    tokenizer: str = ""
    max_length: int = 0
    sha256: str | None = None

    def text(self) -> str:
        return json_text(msgspec.json.format(msgspec.json.encode(self), indent=2).decode()) + "\n"


class Digests(Message, frozen=True, kw_only=True):
    """Digests of the study's settings, its pairs, and its metric tables."""

    study: str
    dataset: str
    metrics: str


def of(
    request: ExportRequest,
    preview: ExportPreview,
    study: str,
    digests: Digests,
    decisions: str = "",
) -> Provenance:
    """The provenance of an export that is written now."""
    return Provenance(
        program=f"seal-tui {__version__}",
        format=preview.format,
        written=datetime.now(UTC).isoformat(timespec="seconds"),
        study=study,
        study_sha256=digests.study,
        dataset_sha256=digests.dataset,
        metrics_sha256=digests.metrics,
        filter=request.filter,
        author=request.author,
        ties=request.ties,
        discuss=request.discuss,
        pairs=preview.pairs,
        rows=preview.rows,
        counts=preview.counts,
        decisions_sha256=decisions,
        margin=request.margin,
        soft_labels=request.soft_labels,
        tokenizer=request.tokenizer,
        max_length=request.max_length if request.tokenizer else 0,
    )


def with_digest(origin: Provenance, path: Path) -> Provenance:
    """Adds the digest of the exported file; a folder has none."""
    if path.is_dir():
        return origin
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return msgspec.structs.replace(origin, sha256=digest)
