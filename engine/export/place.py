"""Where an export may go, and putting it there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.errors import BadInput
from engine.wire.messages import ExportFormat, ExportRequest

FOLDER = "exports"
SUFFIXES: dict[ExportFormat, tuple[str, ...]] = {
    "trl": (".jsonl", ".jsonl.gz", ".parquet"),
    "trl-messages": (".jsonl", ".jsonl.gz", ".parquet"),
    "kto": (".jsonl", ".jsonl.gz", ".parquet"),
    "csv": (".csv",),
    "ledger": (".jsonl", ".jsonl.gz"),
    "report": (".md", ".html"),
}
CARD = "README.md"
DATA = "data/train-00000-of-00001.parquet"
_OURS = {CARD, "data", DATA}


def target(run: Path, request: ExportRequest) -> Path:
    """The place of an export, checked.

    A relative path is taken from the run's own `exports` folder and stays in it, links followed.
    An absolute one may be anywhere but in the rest of the run folder. The folder that it goes
    into must exist; what is there already is left alone unless `overwrite` is set, and a folder
    is replaced only where it holds nothing but an export.
    """
    if not request.path or "\0" in request.path:
        raise BadInput("the export has no path: name the file to write")
    given, run = Path(request.path), run.resolve()
    exports = run / FOLDER
    if not given.is_absolute():
        given = exports / given
    if given.parent == exports:
        exports.mkdir(mode=0o700, exist_ok=True)
    if given.name in ("", ".."):
        raise BadInput(f"{given} names no file")
    try:
        path = given.parent.resolve(strict=True) / given.name
        found = path.lstat() if os.path.lexists(path) else None
    except (OSError, RuntimeError):
        raise BadInput(f"{given.parent} is no folder that can be read: make it first") from None
    if not path.parent.is_dir():
        raise BadInput(f"{path.parent} is no folder: make it first")
    if not Path(request.path).is_absolute() and not path.is_relative_to(exports):
        raise BadInput(f"{request.path} leads out of {exports}: name an absolute path")
    if path == exports or (path.is_relative_to(run) and not path.is_relative_to(exports)):
        raise BadInput(f"{path} is in the run's own folder: write to {exports} or elsewhere")
    _check_name(path, request.format)
    for place in (path, *_sidecars(path, request.format)):
        _check_free(place, request)
    if found is not None and request.format == "hub":
        _check_ours(path)
    return path


def _check_name(path: Path, form: ExportFormat) -> None:
    endings = SUFFIXES.get(form)
    if endings and not path.name.lower().endswith(endings):
        raise BadInput(f"{path.name}: a {form} export ends in {' or '.join(endings)}")


def _check_free(path: Path, request: ExportRequest) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    folder = request.format == "hub"
    if stat.S_ISLNK(mode):
        raise BadInput(f"{path} is a link: name what it points to")
    if not (stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode)):
        raise BadInput(f"{path} is there and is no {'folder' if folder else 'plain file'}")
    if not request.overwrite:
        raise BadInput(f"{path} exists: name another, or have it replaced (--overwrite)")


def _check_ours(folder: Path) -> None:
    for inner in folder.rglob("*"):
        if inner.is_symlink() or inner.relative_to(folder).as_posix() not in _OURS:
            raise BadInput(
                f"{folder} holds more than an export ({inner.relative_to(folder)}): "
                "name another folder"
            )


def sidecar(path: Path) -> Path:
    """The file that tells of an export that cannot itself."""
    return path.with_name(f"{path.name}.provenance.json")


def needs_sidecar(path: Path, form: ExportFormat) -> bool:
    """Whether nothing about an export can be said in its own file."""
    rows = form in ("trl", "trl-messages", "kto", "csv")
    return rows and not path.name.lower().endswith(".parquet")


def _sidecars(path: Path, form: ExportFormat) -> tuple[Path, ...]:
    return (sidecar(path),) if needs_sidecar(path, form) else ()


@contextmanager
def scratch(path: Path, run: Path) -> Iterator[Path]:
    """A name beside the target to write under, gone after the block in any case.

    The name is the same for every export of this run to this target. A run has one engine and
    that one export at a time, so whatever bears the name is what a killed engine left behind.
    """
    mark = hashlib.sha256(os.fsencode(run.resolve())).hexdigest()[:8]
    name = path.with_name(f".{path.name}.{mark}.part")
    _remove(name)
    try:
        yield name
    finally:
        _remove(name)


def put(written: Path, path: Path, overwrite: bool) -> None:
    """Move what is written to its place, for its owner alone, in one step for a file."""
    if written.is_dir():
        _put_folder(written, path)
        return
    written.chmod(0o600)
    with written.open("rb") as file:
        os.fsync(file.fileno())
    if overwrite:
        os.replace(written, path)
        return
    try:
        os.link(written, path)  # unlike a rename, never onto what somebody else put there
    except FileExistsError:
        raise BadInput(f"{path} was made by somebody else meanwhile: name another") from None
    except OSError:  # a file system without links
        os.replace(written, path)


def _put_folder(written: Path, path: Path) -> None:
    for inner in (written, *written.rglob("*")):
        inner.chmod(0o700 if inner.is_dir() else 0o600)
    if not path.exists():
        written.rename(path)
        return
    old = written.with_name(f"{written.name}.old")
    _remove(old)
    path.rename(old)
    try:
        written.rename(path)
    except OSError:
        old.rename(path)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            path.unlink()
