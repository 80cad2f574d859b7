"""The checks of `seal-tui doctor`. Prints JSON; runs in its own process, because it loads torch."""

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
from engine.backends.base import Backend
from engine.errors import BadInput, MachineError

PACKAGES = ("textual", "duckdb", "torch", "transformers", "sentence-transformers", "statsmodels")
CACHE_GB = 1.0


@dataclass(frozen=True)
class Check:
    """One fact about this machine or study. If `ok` is False, `fix` says what to do."""

    name: str
    ok: bool
    value: str
    fix: str = ""


def checks(study: Path | None) -> list[Check]:
    machine = [_python(), _packages(), _device(), _embedded(), _sockets(), _disk(), _terminal()]
    return machine if study is None else [*machine, *_study(study)]


def _attempt(name: str, value: Callable[[], str], fix: str) -> Check:
    """A check that fails if `value` raises an error."""
    try:
        return Check(name, True, value())
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Check(name, False, first, fix)


def _python() -> Check:
    return Check("python", True, f"{platform.python_version()} on {platform.platform()}")


def _packages() -> Check:
    return _attempt(
        "packages",
        lambda: ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "pip install -c constraints.txt -e '.[embedded]'",
    )


def _device() -> Check:
    def value() -> str:
        import torch

        from engine.models.device import pick_device, pick_dtype

        device = pick_device("auto")
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        detail = ", ".join(names) or f"{torch.get_num_threads()} threads"
        return f"{device} ({detail}), {pick_dtype('auto', device)}"

    return _attempt("device", value, "reinstall torch for this machine")


def _embedded() -> Check:
    def value() -> str:
        from engine.models.embedded import NAMES, resolve

        for name in NAMES:
            resolve(name)
        return f"{len(NAMES)} parts, checked"

    return _attempt("embedded", value, "install the embedded weights (only the demo needs them)")


def _sockets() -> Check:
    def value() -> str:
        from engine.launch import socket_path

        path = socket_path(Path.cwd())
        if len(str(path)) > 100:
            raise MachineError(f"{path} is too long for a socket")
        return str(path.parent)

    return _attempt("sockets", value, "set XDG_RUNTIME_DIR to a short private folder")


def _disk() -> Check:
    def value() -> str:
        from engine.paths import cache_dir

        folder = cache_dir()
        free = shutil.disk_usage(folder).free / 1e9
        if free < CACHE_GB:
            raise MachineError(f"{free:.1f} GB free for the cache in {folder}")
        return f"{free:.1f} GB free for the cache"

    return _attempt("disk", value, "free some space, or set SEAL_TUI_CACHE to another disk")


def _terminal() -> Check:
    term = os.environ.get("TERM", "not set")
    encoding = sys.getfilesystemencoding()
    good = term not in ("dumb", "not set")
    fix = "" if good else "the explorer needs a terminal; --headless works everywhere"
    # Not a failure: headless runs need no terminal.
    return Check("terminal", True, f"TERM {term}, {encoding}", fix)


def _study(path: Path) -> list[Check]:
    from engine import study as studies

    try:
        study = studies.load(path)
    except BadInput as error:
        return [Check("study", False, str(error), "correct the study file")]
    rows = [
        Check("study", True, f"{study.name}: {study.data.dataset or study.data.path}"),
        Check("features", True, ", ".join(feature.name for feature in study.features)),
        Check("measures", True, f"{study.measures.preset}, ties {study.measures.tie_policy}"),
    ]
    return rows + [_backend(where, backend) for where, backend in study.backends().items()]


def _backend(where: str, backend: Backend) -> Check:
    try:
        missing, described = backend.missing(), backend.described()
    except BadInput as error:
        return Check(_name(where), False, str(error), "correct the study file")
    return Check(_name(where), missing is None, f"{backend.backend} {described}", missing or "")


def _name(where: str) -> str:
    """The name of a back end's check, such as `labeler main` or `reward pre`."""
    table, _, name = where.partition(".")
    return f"{table.removesuffix('s')} {name}" if name else table


if __name__ == "__main__":
    study_file = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.exit(child.answer(lambda: [asdict(check) for check in checks(study_file)]))
