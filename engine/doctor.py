"""What `seal-tui doctor` looks at. Prints JSON; runs in a process of its own because of torch."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from engine import child
from engine.errors import BadInput

PACKAGES = ("textual", "duckdb", "torch", "transformers", "sentence-transformers", "statsmodels")


@dataclass(frozen=True)
class Check:
    """`mend` says what to do where `ok` is False."""

    name: str
    ok: bool
    found: str
    mend: str = ""


def checks(study: Path | None) -> list[Check]:
    found = [_python(), _packages(), _device(), _embedded(), _sockets(), _disk(), _terminal()]
    return found if study is None else [*found, *_study(study)]


def _attempt(name: str, look: Callable[[], str], mend: str) -> Check:
    try:
        return Check(name, True, look())
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Check(name, False, first, mend)


def _python() -> Check:
    return Check("python", True, f"{platform.python_version()} on {platform.platform()}")


def _packages() -> Check:
    return _attempt(
        "packages",
        lambda: ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "pip install -c constraints.txt -e '.[embedded]'",
    )


def _device() -> Check:
    def look() -> str:
        import torch

        from engine.models.device import pick_device, pick_dtype

        device = pick_device("auto")
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        detail = ", ".join(names) or f"{torch.get_num_threads()} threads"
        return f"{device} ({detail}), {pick_dtype('auto', device)}"

    return _attempt("device", look, "reinstall torch for this machine")


def _embedded() -> Check:
    def look() -> str:
        from engine.models.embedded import NAMES, resolve

        for name in NAMES:
            resolve(name)
        return f"{len(NAMES)} parts, checked"

    return _attempt("embedded", look, "make setup (the demo needs them, your own models do not)")


def _sockets() -> Check:
    def look() -> str:
        from engine.launch import socket_path

        path = socket_path(Path.cwd())
        if len(str(path)) > 100:
            raise ValueError(f"{path} is too long for a socket")
        return str(path.parent)

    return _attempt("sockets", look, "set XDG_RUNTIME_DIR to a short private folder")


def _disk() -> Check:
    from engine.paths import cache_dir

    free = shutil.disk_usage(cache_dir()).free / 1e9
    return Check(
        "disk", free > 1, f"{free:.1f} GB free for the cache", "" if free > 1 else "free some"
    )


def _terminal() -> Check:
    term = os.environ.get("TERM", "not set")
    encoding = sys.getfilesystemencoding()
    good = term not in ("dumb", "not set")
    mend = "" if good else "the explorer needs a terminal; --headless works everywhere"
    # No terminal is no fault: headless runs are half of this program's life.
    return Check("terminal", True, f"TERM {term}, {encoding}", mend)


def _study(path: Path) -> list[Check]:
    from engine import study as studies

    try:
        study = studies.load(path)
    except BadInput as error:
        return [Check("study", False, str(error), "mend the file")]
    found = [
        Check("study", True, f"{study.name}: {study.data.dataset or study.data.path}"),
        Check("features", True, ", ".join(feature.name for feature in study.features)),
        Check("measures", True, f"{study.measures.preset}, ties {study.measures.tie_policy}"),
    ]
    for where, backend in study.backends().items():
        lacking = backend.lacking()
        words = f"{backend.backend} {backend.title}"
        found.append(Check(_name(where), lacking is None, words, lacking or ""))
    return found


def _name(where: str) -> str:
    """A back end's table in the study file, in words: `labeler main`, `reward pre`."""
    table, _, name = where.partition(".")
    return f"{table.removesuffix('s')} {name}" if name else table


if __name__ == "__main__":
    study_file = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.exit(child.answer(lambda: [asdict(check) for check in checks(study_file)]))
