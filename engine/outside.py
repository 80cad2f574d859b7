"""What a run of a study reads and calls outside of its folder, and whether the user has seen it.

A run folder may come from somebody else. Its study is only data until it is run: then paths are
read, servers are called with keys of the environment, and code that the study trusts is run. So a
run begins only with what the user wrote down on this machine, or has confirmed there. What was seen
is kept by content, among the user's own files: no folder can claim it for itself.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine import xdg
from engine.backends.base import Backend
from engine.errors import MachineError, NotReady, SealError
from engine.study import Study

_MODELS = frozenset(("model", "adapter", "base", "dataset", "tokenizer"))
_LOOKED_AT = 10_000  # entries of a folder, for links that lead out of it


class Outside(NamedTuple):
    """`lines` say in words what is read, called and run; raw text of the study, so not yet safe for
    a terminal."""

    lines: tuple[str, ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.lines).encode("utf-8", "replace")).hexdigest()


def of(study: Study, folder: Path) -> Outside:
    """What a run of this study in this folder reads and calls outside of it. Touches no file but
    adapters' settings, and follows no link."""
    root = Path(os.path.realpath(folder))
    found: dict[str, None] = {}
    tables = [msgspec.to_builtins(study.data), {"path": study.rewrites.path}]
    for backend in study.backends().values():
        tables.append(_settings(backend))
        if (whole := _described(backend)) != backend.title:
            found[f"loads {whole}"] = None
    tables.append(_settings(study.executor))
    for table in tables:
        found |= dict.fromkeys(_of_table(table, root))
    return Outside(tuple(sorted(found)))


def require_seen(outside: Outside, seen: str = "") -> None:
    """Raises NotReady, with everything in one line, if the user has neither written nor confirmed
    it. `seen`: the digest of what was just shown and confirmed, which is then remembered."""
    if outside.lines and seen != outside.digest and not was_seen(outside):
        raise NotReady(
            f"this study was not written on this machine, and a run {'; '.join(outside.lines)}: "
            "confirm it with R in the explorer, or run its study file with `seal-tui run --yes`"
        )
    if seen == outside.digest:
        remember(outside)


def was_seen(outside: Outside) -> bool:
    if not outside.lines:
        return True
    try:
        return outside.digest in _file().read_text("ascii", "replace").split()
    except OSError:
        return False


def remember(outside: Outside) -> None:
    """The user has written it or confirmed it. Raises MachineError."""
    if was_seen(outside):
        return
    path = _file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(handle, "w", encoding="ascii") as file:
            file.write(f"{outside.digest}\n")
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror}") from None


def _file() -> Path:
    return xdg.folder("XDG_STATE_HOME", ".local", "state") / "seen-studies"


def _settings(of: Any) -> dict[str, Any]:
    content = msgspec.to_builtins(of)
    inner = content.get("settings")  # of what this installation does not have
    return inner if isinstance(inner, dict) else content


def _described(backend: Backend) -> str:
    try:
        return backend.described()
    except (SealError, OSError, ValueError):
        return backend.title  # the run refuses it


def _of_table(table: Mapping[str, Any], root: Path) -> Iterator[str]:
    texts = {key: value for key, value in table.items() if isinstance(value, str) and value}
    keys = sorted(value for key, value in texts.items() if key.endswith("_env"))
    remote = False
    for key, value in texts.items():
        if "://" in value or key.endswith("url"):
            remote = True
            with_key = f"with the key in {', '.join(keys)}" if keys else "without a key"
            yield f"calls {value} {with_key}"
    for key, value in texts.items():
        if Path(value).is_absolute():
            yield from _leads_out(value, root)
        elif key in _MODELS and not remote and not value.startswith("embedded:"):
            yield f"takes {value} from the hub, or from a folder of that name"
    for key, words in (("trust_remote_code", "runs code of"), ("allow_pickle", "unpickles")):
        if table.get(key):
            yield f"{words} {table[key]}"
    for value in table.values():
        if isinstance(value, Mapping):
            yield from _of_table(value, root)


def _leads_out(value: str, root: Path) -> Iterator[str]:
    path = Path(value)
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(root):
        yield f"reads {value}"
    elif real.is_dir():
        for inner in islice(real.rglob("*"), _LOOKED_AT):
            if inner.is_symlink() and not Path(os.path.realpath(inner)).is_relative_to(root):
                yield f"reads {inner}, a link to {os.path.realpath(inner)}"
