"""The export formats. To add one, write a module here and list its class in `FORMATS`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.errors import BadInput
from engine.export.formats.base import Format
from engine.export.formats.hub import Hub
from engine.export.formats.kto import Kto
from engine.export.formats.ledger import Ledger
from engine.export.formats.report import Report
from engine.export.formats.sheet import Sheet
from engine.export.formats.trl import Trl, TrlMessages

__all__ = ["FORMATS", "Format", "for_path", "named"]

FORMATS: Mapping[str, Format] = {
    form.name: form for form in (Trl(), TrlMessages(), Kto(), Hub(), Sheet(), Ledger(), Report())
}


def named(name: str) -> Format:
    """The format of this name. Raises BadInput for an unknown one."""
    if (form := FORMATS.get(name)) is None:
        raise BadInput(f"unknown export format {name!r}; choose from {', '.join(FORMATS)}")
    return form


def for_path(path: Path, name: str | None = None) -> Format:
    """The format of this name or, without a name, the default for the ending of `path`.

    Raises BadInput if there is none."""
    if name is not None:
        return named(name)
    for form in FORMATS.values():
        if form.default_for and path.name.lower().endswith(form.default_for):
            return form
    raise BadInput(
        f"{path}: no export format is the default for this ending; name one of {', '.join(FORMATS)}"
    )
