"""The export formats. To add one, write a module here and list its class in `FORMATS`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from engine.data.origin import Origin
from engine.errors import BadInput, SealError
from engine.export.formats.base import Format
from engine.export.formats.hub import Hub
from engine.export.formats.kto import Kto, KtoMessages
from engine.export.formats.ledger import Ledger
from engine.export.formats.llama_factory import LlamaFactory
from engine.export.formats.ms_swift import MsSwift
from engine.export.formats.report import Report
from engine.export.formats.same import Same
from engine.export.formats.sheet import Sheet
from engine.export.formats.trl import Trl, TrlImplicit, TrlImplicitMessages, TrlMessages
from engine.wire.messages import ExportFormat, ExportRequest

__all__ = ["FORMATS", "Format", "listed", "requested"]

FORMATS: Mapping[str, Format] = {
    form.name: form
    for form in (
        *(Trl(), TrlMessages(), TrlImplicit(), TrlImplicitMessages(), Kto(), KtoMessages()),
        *(MsSwift(), LlamaFactory(), Same(), Hub(), Sheet(), Ledger(), Report()),
    )
}


def listed(origin: Origin | None = None) -> tuple[ExportFormat, ...]:
    """The formats as clients see them, in the order of a list; those that a run with pairs of this
    origin has."""
    return tuple(
        ExportFormat(
            name=form.name,
            description=form.description,
            default_path=form.default_path,
            has_rows=form.has_rows,
        )
        for form in _possible(origin)
    )


def _possible(origin: Origin | None) -> Iterator[Format]:
    for form in FORMATS.values():
        with suppress(SealError):
            yield form.of(origin)


def requested(request: ExportRequest) -> Format:
    """The format that a request names or, if it names none, the default for its path.

    Raises BadInput for an unknown format, or an ending without a default."""
    if request.format:
        if (form := FORMATS.get(request.format)) is None:
            raise BadInput(f"unknown export format {request.format!r}: {_CHOICE}")
        return form
    name = Path(request.path).name
    for form in FORMATS.values():
        if form.default_for and name.lower().endswith(form.default_for):
            return form
    raise BadInput(f"{name}: its ending does not select an export format: {_CHOICE}")


_CHOICE = f"choose from {', '.join(FORMATS)}"
