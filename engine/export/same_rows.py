"""The rows of the dataset as they came, with decisions applied by the layout that read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from engine.data.layouts import BY_NAME, Change, Layout
from engine.data.origin import Origin
from engine.errors import BadInput
from engine.export.as_came import Written
from engine.export.decisions import action
from engine.store import exports
from engine.store.exports import StoredRow
from engine.wire.messages import ExportRequest, Verdict


@dataclass
class _Item:
    """The rows of one or more pairs with decisions."""

    rows: tuple[int, ...]
    changes: list[Change] = field(default_factory=list)


class Rows:
    """The rows to export. `ids` are the pairs that a filter selects, None without a filter: a row
    is written if any of its pairs is selected, and all decisions about its pairs are applied."""

    def __init__(
        self, cursor: Any, origin: Origin, ids: Sequence[int] | None, request: ExportRequest
    ) -> None:
        self._cursor = cursor
        self._origin = origin
        self._layouts: dict[str, Layout] = {}
        self._selected = None if ids is None else exports.rows_of_pairs(cursor, ids)
        self._items: dict[int, _Item] = {}
        for pair in exports.decided(cursor, request.author):
            what = _action(pair.verdict, request)
            if what == "keep" or not self._selects(pair.source_rows[0]):
                continue
            item = self._items.setdefault(pair.source_rows[0], _Item(pair.source_rows))
            item.changes.append(Change(pair.place, what))
            for number in pair.source_rows:
                self._items[number] = item

    def counts(self) -> dict[str, int]:
        """What there is to say about the rows, by what is counted."""
        stored = exports.row_counts(self._cursor)
        whole = self._selected is None
        return {
            "rejected rows as they came": stored.rejected if whole else 0,
            "unreadable rows (not in the file)": stored.unreadable if whole else 0,
            "outside the sample (not in the file)": self._origin.outside if whole else 0,
        }

    def count(self) -> int:
        """The number of rows that will be written."""
        if self._selected is None:
            total = exports.row_counts(self._cursor).rows
        else:
            total = len(self._selected)
        items = _each_once(self._items.values())
        pages = iter(lambda: list(islice(items, exports.PAGE)), [])
        return total - sum(row is None for page in pages for row in self._written(page).values())

    def of(self, file: str) -> Iterator[list[Written]]:
        """The rows of a file in their order, page by page."""
        pending: dict[int, Mapping[str, Any] | None] = {}
        for page in exports.source_rows(self._cursor, file):
            numbers = [row.number for row in page]
            changed = (self._items[n] for n in numbers if n in self._items and n not in pending)
            pending |= self._written(list(_each_once(changed)))
            written = []
            for row in page:
                if not self._selects(row.number):
                    continue
                if row.number not in pending:
                    written.append(Written(row.line, row.content, None))
                elif (new := pending.pop(row.number)) is not None:
                    written.append(Written(row.line, row.content, new))
            yield written

    def _selects(self, number: int) -> bool:
        return self._selected is None or number in self._selected

    def _written(self, items: Sequence[_Item]) -> dict[int, Mapping[str, Any] | None]:
        """The rows of items after their decisions, by number; None for a row that is left out."""
        numbers = [number for item in items for number in item.rows]
        stored = iter(exports.rows_by_number(self._cursor, numbers))
        written: dict[int, Mapping[str, Any] | None] = {}
        for item in items:
            rows = list(islice(stored, len(item.rows)))
            layout = self._layout(rows[0])
            new = layout.write([json.loads(row.content) for row in rows], item.changes)
            written |= zip(item.rows, new, strict=True)
        return written

    def _layout(self, row: StoredRow) -> Layout:
        if row.layout not in BY_NAME:
            raise BadInput(
                f"this version does not know the layout {row.layout!r} of row {row.line}"
            )
        if row.layout not in self._layouts:
            self._layouts[row.layout] = BY_NAME[row.layout](self._origin.options)
        return self._layouts[row.layout]


def _each_once(items: Iterable[_Item]) -> Iterator[_Item]:
    """An item stands under the number of each of its rows."""
    return iter({id(item): item for item in items}.values())


def _action(verdict: Verdict, request: ExportRequest) -> Literal["keep", "flip", "omit", "tie"]:
    """As in training formats, but a tie is written as one where the layout has a word for it."""
    decided = action(verdict, request)
    return "tie" if verdict == "tie" and decided == "omit" else decided
