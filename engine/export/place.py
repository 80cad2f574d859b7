"""Where an export may be written, and writing it there completely or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import ClassVar, Protocol

from engine.errors import BadInput
from engine.files import unwritable
from engine.wire.messages import ExportRequest

FOLDER = "exports"
CARD = "README.md"
DATA = "data/train-00000-of-00001.parquet"


class Form(Protocol):
    """What has to be known here of the format of an export."""

    name: ClassVar[str]
    endings: tuple[str, ...]

    @property
    def is_folder(self) -> bool: ...

    @property
    def files(self) -> frozenset[str]: ...

    def contains_provenance(self, name: str) -> bool: ...


def target(run: Path, request: ExportRequest, form: Form) -> Path:
    """The validated path of an export. Raises BadInput; MachineError without room.

    A relative path is inside the run's `exports` folder, also after resolving symbolic links. An
    absolute path may be anywhere except elsewhere in the run folder. The parent folder must exist.
    An existing file is replaced only if `overwrite` is set, and an existing folder only if it
    contains nothing but an export.
    """
    if not request.path or "\0" in request.path:
        raise BadInput("the export has no path: name the file to write")
    given, run = Path(request.path), run.resolve()
    exports = run / FOLDER
    if not given.is_absolute():
        given = exports / given
    if given.parent == exports:
        try:
            exports.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise unwritable(exports, error) from None
    if given.name in ("", ".."):
        raise BadInput(f"{given} is not a file name")
    try:
        path = given.parent.resolve(strict=True) / given.name
        exists = os.path.lexists(path)
    except (OSError, RuntimeError):
        raise BadInput(f"{given.parent} is not a readable folder: create it first") from None
    if not path.parent.is_dir():
        raise BadInput(f"{path.parent} is not a folder: create it first")
    if not Path(request.path).is_absolute() and not path.is_relative_to(exports):
        raise BadInput(f"{request.path} is outside {exports}: use an absolute path")
    if path == exports or (path.is_relative_to(run) and not path.is_relative_to(exports)):
        raise BadInput(f"{path} is inside the run folder: write to {exports} or elsewhere")
    _check_name(path, form)
    _check_free(path, form.is_folder, request.overwrite)
    for file in _sidecars(path, form):
        _check_free(file, False, request.overwrite)
    if exists and form.is_folder:
        _check_only_export(path, form.files)
    return path


def _check_name(path: Path, form: Form) -> None:
    if form.endings and not path.name.lower().endswith(form.endings):
        endings = " or ".join(form.endings)
        raise BadInput(f"{path.name}: an export as {form.name} must end in {endings}")


def _check_free(path: Path, folder: bool, overwrite: bool) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise BadInput(f"{path} is a symbolic link: use the path that it points to")
    if not (stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode)):
        raise BadInput(f"{path} exists and is not a {'folder' if folder else 'regular file'}")
    if not overwrite:
        raise BadInput(f"{path} exists: choose another path, or replace it (--overwrite)")


def _check_only_export(folder: Path, files: frozenset[str]) -> None:
    known = files | {str(parent) for file in files for parent in PurePosixPath(file).parents}
    for inner in folder.rglob("*"):
        if inner.is_symlink() or inner.relative_to(folder).as_posix() not in known:
            raise BadInput(
                f"{folder} contains files other than an export "
                f"({inner.relative_to(folder)}): choose another folder"
            )


def sidecar(path: Path) -> Path:
    """The provenance file next to an export that cannot contain its provenance."""
    return path.with_name(f"{path.name}.provenance.json")


def _sidecars(path: Path, form: Form) -> tuple[Path, ...]:
    return () if form.contains_provenance(path.name) else (sidecar(path),)


@contextmanager
def scratch(path: Path, run: Path) -> Iterator[Path]:
    """A temporary path next to the target, removed at the end of the block.

    It is the same for every export of this run to this target. A run has one engine, with one
    export at a time, so an existing file with this name was left by an engine that was killed.
    """
    mark = hashlib.sha256(os.fsencode(run.resolve())).hexdigest()[:8]
    name = path.with_name(f".{path.name}.{mark}.part")
    _remove(name)
    try:
        yield name
    finally:
        _remove(name)


def publish(written: Path, path: Path, overwrite: bool) -> None:
    """Moves a finished export to its path, readable by its owner only; atomic for a file."""
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
        os.link(written, path)  # unlike a rename, never replaces an existing file
    except FileExistsError:
        raise BadInput(
            f"{path} was created by another process meanwhile: choose another path"
        ) from None
    except OSError:  # the file system has no hard links
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
