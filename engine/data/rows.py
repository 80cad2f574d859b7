"""Parsed rows of a source → pairs and rejects, each with the rows that it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from engine.data.layouts import Draft, Layout, layout_of
from engine.data.layouts.base import check_conversation
from engine.data.layouts.preference import describe
from engine.data.options import Options
from engine.data.pairs import Pair, Reject, Row, RowError, SourceRow, Unused, excerpt
from engine.errors import BadInput

EXPECTED = (
    "expected chosen and rejected, optionally with a prompt, or another known layout; "
    "name the columns under [data.columns] (seal-tui doctor STUDY shows the first row)"
)


@dataclass
class _Group:
    """The rows of one key of a grouped layout, until the end of the source."""

    layout: Layout
    rows: list[tuple[SourceRow, Mapping[str, object]]] = field(default_factory=list)


class RowReader:
    """Reads the rows of a source in order; ids are unique among all of them."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._number = 0
        self._ids: set[str] = set()
        self._layouts: dict[str, Layout] = {}
        # By the columns and types of a row: its layout, and the columns that would be lost.
        self._shapes: dict[tuple[object, ...], tuple[Layout, tuple[str, ...]]] = {}
        self._groups: dict[tuple[str, str], _Group] = {}

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The layouts of the rows so far."""
        return tuple(self._layouts.values())

    def skip(self) -> None:
        """Counts a row that could not be parsed."""
        self._number += 1

    def read(self, name: str, row: Row) -> Iterator[Pair | Reject]:
        """The pairs of a row of the file `name`, or a reject; nothing yet for a grouped layout.

        Raises BadInput if the row has text that its layout does not use.
        """
        number, self._number = self._number, self._number + 1
        value = row.value
        if not isinstance(value, Mapping):
            detail = f"expected an object, got {type(value).__name__}"
            yield Reject(name, row.line, "not_an_object", detail, excerpt(row.raw))
            return
        source = SourceRow(number, name, row.line, "", b"")
        try:
            layout, unread = self._shape(value)
            source = source._replace(layout=layout.name, raw=_raw(row))
            if unread:
                layout.check_unread(value, unread)
            if layout.grouped:
                key = (layout.name, layout.key(value))
                group = self._groups.setdefault(key, _Group(layout))
                group.rows.append((source, value))
                if len(group.rows) == layout.complete:
                    yield from self._group(self._groups.pop(key))
                return
            drafts = layout.read([value])
            for draft in drafts:
                _check(draft)
        except Unused as unused:
            raise BadInput(_unused(name, row.line, unused)) from None
        except RowError as error:
            rows = (source,) if source.layout else ()
            yield Reject(name, row.line, error.reason, error.detail, excerpt(row.raw), rows)
            return
        yield from self._pairs(layout, drafts, [(source, value)])

    def finish(self) -> Iterator[Pair | Reject]:
        """The pairs of the grouped layouts, once all rows have been read."""
        for group in self._groups.values():
            yield from self._group(group)
        self._groups.clear()

    def _group(self, group: _Group) -> Iterator[Pair | Reject]:
        sources = tuple(source for source, _ in group.rows)
        last = sources[-1]
        try:
            drafts = group.layout.read([value for _, value in group.rows])
            for draft in drafts:
                _check(draft)
        except Unused as unused:
            raise BadInput(_unused(last.file, last.line, unused)) from None
        except RowError as error:
            text = excerpt(last.raw)
            yield Reject(last.file, last.line, error.reason, error.detail, text, sources)
            return
        yield from self._pairs(group.layout, drafts, group.rows)

    def _shape(self, value: Mapping[str, object]) -> tuple[Layout, tuple[str, ...]]:
        key = (*value, *map(type, value.values()))
        if key not in self._shapes:
            kind = layout_of(value, self.options)
            if kind is None:
                raise RowError("missing_field", f"{describe(value)}; {EXPECTED}")
            layout = self._layouts.setdefault(kind.name, kind(self.options))
            self._shapes[key] = layout, layout.unread(value)
        return self._shapes[key]

    def _pairs(
        self,
        layout: Layout,
        drafts: Sequence[Draft],
        rows: Sequence[tuple[SourceRow, Mapping[str, object]]],
    ) -> Iterator[Pair]:
        sources = tuple(source for source, _ in rows)
        first, row = rows[-1]
        own, topic, group = layout.id(row), layout.topic(row), layout.group(row)
        shared = f"row {first.number}" if len(drafts) > 1 else None
        for draft in drafts:
            base = str(first.number) if own is None else own
            yield Pair(
                self._unique(f"{base}:{draft.place}" if len(drafts) > 1 else base),
                first.line,
                draft.chosen,
                draft.rejected,
                topic,
                draft.facts,
                group or draft.group or shared,
                sources,
                draft.place,
            )

    def _unique(self, base: str) -> str:
        row_id, copies = base, 1
        while row_id in self._ids:
            copies += 1
            row_id = f"{base}#{copies}"
        self._ids.add(row_id)
        return row_id


def _check(draft: Draft) -> None:
    check_conversation(draft.chosen, "chosen")
    check_conversation(draft.rejected, "rejected")


def _raw(row: Row) -> bytes:
    """The row as a JSON object; a line of JSON is kept as it is."""
    if isinstance(row.raw, bytes):
        return row.raw
    return orjson.dumps(row.value, default=str, option=orjson.OPT_NON_STR_KEYS)


def _unused(name: str, line: int, unused: Unused) -> str:
    columns = ", ".join(f'"{column}"' for column in unused.columns)
    where = f" ({unused.where})" if unused.where else ""
    it = "them" if len(unused.columns) > 1 else "it"
    return (
        f"{name}, line {line}{where}: {columns} holds text that would not be read: "
        f"say what it is under [data.columns], or leave {it} out with [data] "
        f"ignore = [{columns}]"
    )
