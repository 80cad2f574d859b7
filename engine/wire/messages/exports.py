"""Exports, and ledgers brought in."""

from __future__ import annotations

from typing import Literal

from engine.errors import Kind
from engine.wire.messages.base import Message, Request

# The default of TRL's trainers. They leave out rows with more tokens, without a word.
MAX_LENGTH = 1024

ExportState = Literal["idle", "running", "done", "failed", "stopped"]


class ExportRequest(Request, frozen=True, kw_only=True):
    """Which pairs to export. `path`: docs/export.md; `overwrite` replaces an earlier export.

    Without a `format`, the ending of `path` selects it. The decisions are those of `author`;
    `ties` and `discuss` say what to do with pairs of that verdict. `margin` and `soft_labels` add
    a column. With a `tokenizer`, the preview counts the rows that are longer than `max_length`
    tokens."""

    path: str
    format: str = ""
    filter: str = ""
    ties: Literal["drop", "keep"] = "drop"
    discuss: Literal["drop", "keep"] = "drop"
    author: str = ""
    overwrite: bool = False
    margin: bool = False
    soft_labels: Literal["", "votes", "reviewers"] = ""
    tokenizer: str = ""
    max_length: int = MAX_LENGTH


class ExportPreview(Message, frozen=True, kw_only=True):
    """What an export would write: `rows` in this `format` of `pairs`, and the number of each
    decision, and of everything else that is worth a look. `authors` are all who decided anything;
    `notes` are lines for people."""

    pairs: int
    rows: int
    counts: dict[str, int]
    authors: tuple[str, ...] = ()
    format: str = ""
    has_rows: bool = True
    notes: tuple[str, ...] = ()


class ExportStatus(Message, frozen=True, kw_only=True):
    state: ExportState
    done: int
    total: int
    path: str
    error: str | None = None
    error_kind: Kind | None = None


class LedgerFile(Request, frozen=True, kw_only=True):
    """An exported ledger to bring in; `path` is absolute."""

    path: str


class Imported(Message, frozen=True, kw_only=True):
    """What became of a ledger's rows; `pairs` are the first source_ids not in this dataset."""

    applied: int
    already_there: int
    unknown: int
    pairs: tuple[str, ...]
