"""The small files of a model's folder or hub repository, read without loading the model."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.models.embedded import resolve

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


def locate(model: str, name: str, revision: str | None = None) -> Path | None:
    """A file of the model; None if it has no such file, or the hub cannot be asked."""
    folder = Path(resolve(model))
    if folder.is_dir():
        path = folder / name
        return path if path.is_file() else None
    try:
        found = _fetch(model, name, revision)
    except (OSError, ValueError):
        return None
    return None if found is None else Path(found)


def read(model: str, name: str, revision: str | None = None) -> dict[str, Any]:
    """A JSON object of the model; empty if there is none."""
    path = locate(model, name, revision)
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def is_adapter(model: str, revision: str | None = None) -> bool:
    """Whether this is a PEFT adapter, without the model it was trained on."""
    return (
        locate(model, "config.json", revision) is None
        and locate(model, ADAPTER_CONFIG, revision) is not None
    )


@lru_cache(maxsize=100)
def _fetch(model: str, name: str, revision: str | None) -> str | None:
    """Asked once a process for every file; an answer may be that there is no such file."""
    from transformers.utils import cached_file

    found: str | None = cached_file(
        model, name, revision=revision, _raise_exceptions_for_missing_entries=False
    )
    return found
