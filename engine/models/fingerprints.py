"""Fingerprints of the built-in models: everything that determines their results. Results are stored
under the digest of the fingerprint, so a model must have the same one in every version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.models import model_files
from engine.models.embedded import resolve
from engine.models.loading import loading
from engine.taxonomy import Feature

WEIGHT_SUFFIXES = (".safetensors", ".bin", ".json", ".model", ".jinja")


def labeler(
    backend: str,
    model: str,
    features: Sequence[Feature],
    *,
    adapter: str | None = None,
    base_url: str | None = None,
    api_key_env: str | None = None,
    prompts: str | None = None,
) -> dict[str, Any]:
    """The common part for every built-in labeler. Version 0.1.0 had the keys of all back ends in
    one record named LabelerSpec; they stay, so that labels stored then are found."""
    return {
        "kind": "LabelerSpec",
        "backend": backend,
        "model": model,
        "adapter": adapter,
        "base_url": base_url,
        "api_key_env": api_key_env,
        "features": [asdict(feature) for feature in features],
        "prompts": prompts,
    }


def rewriter(
    backend: str,
    model: str,
    scope: str,
    *,
    adapter: str | None = None,
    base_url: str | None = None,
    api_key_env: str | None = None,
) -> dict[str, Any]:
    """The common part for every built-in rewriter, without its instructions: those belong to the
    strategy."""
    return {
        "kind": "RewriterSpec",
        "backend": backend,
        "model": model,
        "adapter": adapter,
        "base_url": base_url,
        "api_key_env": api_key_env,
        "scope": scope,
    }


def local(dtype: str, device: str) -> dict[str, Any]:
    """The number format that is used on this device."""
    from engine.models.device import pick_device, pick_dtype

    return {"dtype": str(pick_dtype(dtype, pick_device(device)))}


def weights(
    key: str, name: str | None, revision: str | None = None, foreign_code: bool = False
) -> dict[str, Any]:
    """The digest of a model's or adapter's weights. A local folder is identified by its content and
    name, not by its location."""
    if name is None:
        return {}
    entry = {f"{key}_digest": weights_digest(name, revision, foreign_code)}
    return {**entry, key: Path(name).name} if Path(name).is_dir() else entry


def digest(prompts: Any) -> str:
    """The digest of a language model's prompts: other prompts give other results."""
    return hashlib.sha256(json.dumps(prompts, sort_keys=True).encode()).hexdigest()


def weights_digest(name: str, revision: str | None = None, foreign_code: bool = False) -> str:
    """The digest of a folder's files, or the commit of a hub model. Raises MachineError."""
    folder = Path(resolve(name))
    if not folder.is_dir():
        return _hub_commit(name, revision)
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        foreign = foreign_code and path.suffix == ".py"
        if (path.suffix in WEIGHT_SUFFIXES or foreign) and path.is_file():
            stat = path.stat()
            whole.update(path.name.encode())
            whole.update(_file_digest(path, stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return whole.hexdigest()


@lru_cache(maxsize=1_000)
def _file_digest(path: Path, *_state: int) -> bytes:
    """Every stage asks for the digest; a file is read again only after it changed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _hub_commit(name: str, revision: str | None) -> str:
    """The commit of the files that would be loaded. Fetches only the config, and runs no code that
    it names."""
    adapter = model_files.is_adapter(name, revision)
    with loading(name):
        from transformers.utils import cached_file, extract_commit_hash

        config = cached_file(
            name, model_files.ADAPTER_CONFIG if adapter else "config.json", revision=revision
        )
        return str(extract_commit_hash(config, None) or revision or "unknown")
