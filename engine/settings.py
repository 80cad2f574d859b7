"""Converts tables of the study file to validated settings. Errors name the path of the key."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_type_hints

import msgspec

from engine.errors import BadInput
from engine.files import refuse_special


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every table of the study file."""

    may_be_empty: ClassVar[frozenset[str]] = frozenset()


S = TypeVar("S", bound=Section)


def convert(raw: Any, kind: type[S], where: str, backend: str = "") -> S:
    """Convert `raw` to a table of this kind. `where` is its path, `backend` its name in errors.

    Raises BadInput for unknown, missing, mistyped and empty keys.
    """
    for key, value in raw.items() if isinstance(raw, dict) else ():
        if key in kind.__struct_fields__ and key not in kind.may_be_empty:
            refuse_empty(value, f"{where}.{key}")
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise _explain(error, kind, where, backend) from None


def convert_value(raw: Any, kind: Any, where: str) -> Any:
    """Convert a single value. Raises BadInput."""
    refuse_empty(raw, where)
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        message = str(error)
        raise BadInput(f"{where}: {message[0].lower()}{message[1:]}") from None


def refuse_empty(value: Any, where: str) -> None:
    """Raises BadInput for an empty string, which as a path would mean the working folder."""
    if isinstance(value, str) and not value.strip():
        raise BadInput(f"{where} is empty: give it a value, or leave the key out")
    if isinstance(value, list):
        for place, item in enumerate(value):
            refuse_empty(item, f"{where}[{place}]")


def within(where: str, value: float, low: float, high: float | None = None) -> None:
    """Raises BadInput for a number that is out of range, infinite or NaN."""
    if not low <= value <= (math.inf if high is None else high) or math.isinf(value):
        span = f"between {low} and {high}" if high is not None else f"at least {low}"
        raise BadInput(f"{where} = {value}: must be {span}")


@dataclass(frozen=True)
class Place:
    """The location of a table: its path in the study file, and the folder that paths are relative
    to."""

    where: str
    base: Path

    def key(self, name: str) -> str:
        return f"{self.where}.{name}"

    def absolute(self, path: str, name: str) -> Path:
        return absolute(path, self.base, self.key(name))

    def existing(self, path: str, name: str) -> str:
        """The absolute path of a file or folder. Raises BadInput if it does not exist."""
        resolved = self.absolute(path, name)
        try:
            refuse_special(resolved)
        except BadInput as error:
            raise BadInput(f"{self.key(name)}: {error}") from None
        if not resolved.exists():
            raise BadInput(f"{self.key(name)}: {resolved} does not exist")
        return str(resolved)

    def model(self, model: str, name: str = "model") -> str:
        """A folder relative to the study file as absolute path; hub and embedded names
        unchanged."""
        folder = self.absolute(model, name)
        return str(folder) if folder.is_dir() else model


def absolute(path: str, base: Path, where: str) -> Path:
    try:
        return (base / Path(path).expanduser()).resolve()
    except (ValueError, RuntimeError):  # a null character, an unknown ~user, a loop
        raise BadInput(f"{where}: {path!r} does not exist, or is a link in a loop") from None


def _explain(
    error: msgspec.ValidationError, kind: type[Section], where: str, backend: str
) -> BadInput:
    """The library's error as one line that starts with the full path of the key."""
    message, _, at = str(error).partition(" - at `$")
    path = where + at.rstrip("`")
    if message.startswith("Object contains unknown field"):
        field = message.split("`")[1]
        of = f" of backend {backend!r}" if backend else ""
        options = ", ".join(kind.__struct_fields__) or "none but backend"
        return BadInput(f"{path}.{field}: unknown key{of}; the keys are {options}")
    if message.startswith("Object missing required field"):
        field = message.split("`")[1]
        reason = f": backend {backend!r} needs it" if backend else ""
        return BadInput(f"{path}.{field} is missing{reason}")
    if message.startswith("Invalid enum value") and (allowed := _options(kind, at)):
        message += f"; must be one of {', '.join(allowed)}"
    return BadInput(f"{path}: {message[0].lower()}{message[1:]}")


def _options(kind: type[Any], at: str) -> list[str]:
    """The allowed values of the field at this path, if they are a fixed list."""
    hint = get_type_hints(kind).get(at.strip(".`").partition("[")[0])
    return re.findall(r"'([^']*)'", str(hint))
