"""manifest.json: how this run's results were produced, readable years later."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from engine import __version__
from engine.files import replacing
from engine.models import embedded
from engine.run.measure import Summary
from engine.store import Store
from engine.store.recovery import RECOVERED
from engine.study import Study, dump_resolved
from engine.visible import json_text
from engine.wire.messages import RunStatus

FILE = "manifest.json"
_PACKAGES = (
    "torch",
    "transformers",
    "sentence-transformers",
    "duckdb",
    "statsmodels",
    "numpy",
    "scipy",
    "textual",
)


def write(
    folder: Path, study: Study, store: Store, status: RunStatus, notes: dict[str, Any]
) -> None:
    """Write the manifest atomically."""
    rows = store.read(
        "SELECT r.role, m.producer, m.model, m.fingerprint FROM roles AS r JOIN producers AS m "
        "USING (producer) ORDER BY r.role"
    ).fetchall()
    content = {
        "program": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "packages": {name: _version(name) for name in _PACKAGES},
        "study": json.loads(dump_resolved(study)),
        "models": {
            role: _model(producer, model, json.loads(fingerprint))
            for role, producer, model, fingerprint in rows
        },
        "lineage": study.post.origin or "not stated: two models, not a before and an after",
        **notes,
        **_recovered(store),
        "status": msgspec.to_builtins(status),
    }
    save(folder / FILE, json_text(json.dumps(content, indent=2, ensure_ascii=False)) + "\n")


def measures_entries(summary: Summary) -> dict[str, Any]:
    """The manifest's entries about the measures."""
    return {"metrics_sha256": summary.digest, "measures_warnings": list(summary.warnings)}


def measures_warnings(folder: Path) -> list[str]:
    """The warnings of the measures in the manifest."""
    warnings: list[str] = _read(folder).get("measures_warnings", [])
    return warnings


def update_measures(folder: Path, study: Study, status: RunStatus, summary: Summary) -> None:
    """Update the entries about the measures, after the same results were measured again."""
    if content := _read(folder):
        content["study"] = json.loads(dump_resolved(study))
        content |= {**measures_entries(summary), "status": msgspec.to_builtins(status)}
        save(folder / FILE, json_text(json.dumps(content, indent=2, ensure_ascii=False)) + "\n")


def _recovered(store: Store) -> dict[str, Any]:
    """What is known of a recovery, if this database was made by one."""
    note = store.meta(RECOVERED)
    return {} if note is None else {"recovered": json.loads(note)}


def _read(folder: Path) -> dict[str, Any]:
    """The manifest; empty if there is no readable one."""
    try:
        content: dict[str, Any] = json.loads((folder / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content


def _model(producer: str, model: str, fingerprint: dict[str, Any]) -> dict[str, Any]:
    parts = (fingerprint.get("model"), fingerprint.get("adapter"))
    quality = [
        measured for part in parts if part and (measured := embedded.measured(part)) is not None
    ]
    return {"producer": producer, "model": model, "fingerprint": fingerprint, "measured": quality}


def save(path: Path, text: str) -> None:
    """Replace a file atomically, so that a reader never sees a partial one."""
    with replacing(path) as file:
        file.write(text.encode())


def last_status(folder: Path) -> RunStatus | None:
    """The status of the folder's last run; None if there is no readable manifest."""
    try:
        return msgspec.convert(_read(folder)["status"], RunStatus)
    except (KeyError, msgspec.ValidationError):
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
