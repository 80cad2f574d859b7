"""What an export is of, said in the export itself or beside it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine import __version__
from engine.wire.messages import ExportPreview, ExportRequest, Message

KEY = "seal_tui"


class Provenance(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Digests are SHA-256 in hex. `written` is UTC; `sha256` that of the file beside this one."""

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
    sha256: str | None = None

    def text(self) -> str:
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"


class Digests(Message, frozen=True, kw_only=True):
    """Of the study's settings, its pairs, its metric tables."""

    study: str
    dataset: str
    metrics: str


def of(request: ExportRequest, preview: ExportPreview, study: str, known: Digests) -> Provenance:
    return Provenance(
        program=f"seal-tui {__version__}",
        format=request.format,
        written=datetime.now(UTC).isoformat(timespec="seconds"),
        study=study,
        study_sha256=known.study,
        dataset_sha256=known.dataset,
        metrics_sha256=known.metrics,
        filter=request.filter,
        author=request.author,
        ties=request.ties,
        discuss=request.discuss,
        pairs=preview.pairs,
        rows=preview.rows,
        counts=preview.counts,
    )


def beside(found: Provenance, path: Path) -> Provenance:
    """The same, with the digest of the file that it is to lie beside."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return msgspec.structs.replace(found, sha256=digest)
