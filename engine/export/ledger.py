"""The log of decisions as a file: JSON lines, the first of which says where it is from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.data.jsonl import GzipDamage, lines, open_bytes
from engine.export.place import ExportError
from engine.export.provenance import KEY
from engine.store.ledger import LedgerRow


class _Head(msgspec.Struct, frozen=True):
    seal_tui: dict[str, object]


def read(path: Path) -> Iterator[LedgerRow]:
    """The rows of a ledger. Raises ExportError, while iterating, for anything else."""
    number = 0
    try:
        with open_bytes(path) as file:
            for number, line in enumerate(lines(file), 1):
                if number == 1:
                    _check_head(path, line)
                elif line.strip():
                    yield msgspec.json.decode(line, type=LedgerRow)
            if not number:
                raise ExportError(f"{path} is empty: it is no ledger")
    except msgspec.DecodeError as error:
        raise ExportError(f"{path}, line {number}: no row of a ledger: {error}") from None
    except GzipDamage as damage:
        raise ExportError(f"{path} is damaged: {damage.detail}; copy it again") from None
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror or error}") from None


def _check_head(path: Path, line: bytes) -> None:
    try:
        head = msgspec.json.decode(line, type=_Head)
    except msgspec.DecodeError:
        head = None
    if head is None or head.seal_tui.get("format") != "ledger":
        raise ExportError(f"{path} is no ledger: its first line has no {KEY} entry of one")
