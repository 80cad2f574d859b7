"""Reads a ledger file: the log of decisions as JSON lines, after a line of provenance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.data.jsonl import GzipDamage, lines, open_bytes
from engine.errors import BadInput
from engine.export.provenance import KEY
from engine.settings import explained
from engine.store.ledger import LedgerRow


class _Head(msgspec.Struct, frozen=True):
    seal_tui: dict[str, object]


def read(path: Path) -> Iterator[LedgerRow]:
    """The rows of a ledger. Raises BadInput, while iterating, if the file is not a ledger."""
    number = 0
    try:
        with open_bytes(path) as file:
            for number, line in enumerate(lines(file), 1):
                if number == 1:
                    _check_head(path, line)
                elif line.strip():
                    yield msgspec.json.decode(line, type=LedgerRow)
            if not number:
                raise BadInput(f"{path} is empty, not a ledger")
    except msgspec.ValidationError as error:
        reason = explained(error, LedgerRow).removeprefix("the file: ")
        raise BadInput(f"{path}, line {number}: not a ledger row: {reason}") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{path}, line {number}: not a ledger row: it is no JSON") from None
    except GzipDamage as damage:
        raise BadInput(f"{path} is corrupt: {damage.detail}; copy it again") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from None


def _check_head(path: Path, line: bytes) -> None:
    try:
        head = msgspec.json.decode(line, type=_Head)
    except (msgspec.DecodeError, ValueError, RecursionError):
        head = None
    if head is None or head.seal_tui.get("format") != "ledger":
        raise BadInput(f'{path} is not a ledger: its first line has no "{KEY}" entry of a ledger')
