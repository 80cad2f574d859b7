"""Converts tables of the study file to validated settings. Errors name the path of the key."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

import msgspec

from engine.errors import BadInput
from engine.files import refuse_special

LARGEST = 2**63 - 1  # what every part of the program can hold

# What a value is called in a file that people write.
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "date": "a date",
    "datetime": "a date",
    "time": "a time",
}
_EXPECTED = re.compile(r"Expected `([^`]*)`( of length \d+)?(?:, got (?:`(\w+)`|(\w+)))?")


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
        raise BadInput(explained(error, kind, where, backend)) from None


def convert_value(raw: Any, kind: Any, where: str) -> Any:
    """Convert a single value. Raises BadInput."""
    refuse_empty(raw, where)
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise BadInput(explained(error, msgspec.Struct, where)) from None


def refuse_empty(value: Any, where: str) -> None:
    """Raises BadInput for an empty string, which as a path would mean the working folder, and for
    one that no part of the system takes."""
    if isinstance(value, str) and not value.strip():
        raise BadInput(f"{where} is empty: give it a value, or leave the key out")
    if isinstance(value, str) and "\0" in value:
        raise BadInput(f"{where} holds a null character: take it out")
    if isinstance(value, list):
        for place, item in enumerate(value):
            refuse_empty(item, f"{where}[{place}]")


def within(where: str, value: float, low: float, high: float | None = None) -> None:
    """Raises BadInput for a number that is out of range, infinite or NaN."""
    if not low <= value <= (math.inf if high is None else high) or math.isinf(value):
        span = f"between {low} and {high}" if high is not None else f"at least {low}"
        span += "" if math.isfinite(value) else " and finite"
        raise BadInput(f"{where} = {value}: must be {span}")


def refuse_numbers(value: Any, where: str) -> None:
    """Raises BadInput for a number in this setting, table or list that no part of the program can
    work with, whatever its own range is."""
    if isinstance(value, msgspec.Struct):
        value = {key: getattr(value, key) for key in value.__struct_fields__}
    if isinstance(value, dict):
        for key, item in value.items():
            refuse_numbers(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            refuse_numbers(item, f"{where}[{place}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{where} = {value}: must be a finite number")
    elif isinstance(value, int) and abs(value) > LARGEST:
        raise BadInput(f"{where}: the number is out of range; it has {len(str(abs(value)))} digits")


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
        try:
            found = resolved.exists()
        except OSError as error:
            reason = (error.strerror or "it is no path").lower()
            raise BadInput(f"{self.key(name)}: {resolved} cannot be read: {reason}") from None
        if not found:
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


def explained(
    error: msgspec.ValidationError, kind: type[msgspec.Struct], where: str = "", backend: str = ""
) -> str:
    """The library's error as one line that starts with the full path of the key."""
    message, _, at = str(error).partition(" - at `$")
    at = at.rstrip("`")
    path = (where + at).removeprefix(".")
    above, _, last = at.rpartition(".")
    owner = _struct_at(kind, at)
    if message.startswith("Object contains unknown field"):
        field = message.split("`")[1]
        of = f" of backend {backend!r}" if backend else ""
        options = ", ".join(owner.__struct_encode_fields__) if owner else ""
        known = f"; the keys are {options or 'none but backend'}"
        return f"{path}.{field}".removeprefix(".") + f": unknown key{of}{known}"
    if message.startswith("Object missing required field"):
        field = message.split("`")[1]
        reason = f": backend {backend!r} needs it" if backend else ""
        return f"{path}.{field}".removeprefix(".") + f" is missing{reason}"
    if message.startswith("Invalid enum value"):
        given = message.removeprefix("Invalid enum value ")
        allowed = _options(_struct_at(kind, above) or kind, last)
        message = f"must be one of {', '.join(allowed)}, not {given}"
    elif message == "Number out of range":
        message = "the number is out of range"
    elif match := _EXPECTED.match(message):
        message = _of_types(*match.groups())
    return f"{path or 'the file'}: {message[0].lower()}{message[1:]}"


def _of_types(wanted: str, length: str | None, got: str | None, items: str | None) -> str:
    names = [name for name in wanted.split(" | ") if name != "null"]
    want = " or ".join(_TYPES.get(name, name) for name in names)
    if items is not None and length is not None:
        return f"must be {want} of {length.split()[-1]} items, not {items}"
    found = "a fraction" if got == "float" else _TYPES.get(got or "", got or "something else")
    return f"must be {want}, not {found}"


def _struct_at(kind: type[Any], at: str) -> type[msgspec.Struct] | None:
    """The struct whose keys stand at this path; None if that is not known."""
    for name in re.findall(r"\w+", re.sub(r"\[[^]]*\]", "", at)):
        fields = dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
        kind = _inner(get_type_hints(kind).get(fields.get(name, name)))
        if kind is None:
            return None
    return kind


def _inner(hint: Any) -> Any:
    """The struct in a type such as `list[Struct]` or `Struct | None`."""
    for part in (hint, *get_args(hint)):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            return part
    return None


def _options(kind: type[Any], name: str) -> list[str]:
    """The allowed values of this field, which is a fixed list of them."""
    fields = dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
    field = name.partition("[")[0]
    return re.findall(r"'([^']*)'", str(get_type_hints(kind).get(fields.get(field, field))))
