"""Parsed rows of a source → pairs and rejects, each with the rows that it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.data.layouts import Draft, Layout, layout_of
from engine.data.layouts.base import check_conversation
from engine.data.layouts.preference import Preference, describe
from engine.data.nesting import MOST
from engine.data.options import Options
from engine.data.pairs import Pair, Reject, Row, RowError, SourceRow, Unused, excerpt
from engine.data.values import as_json, described
from engine.data.waiting import Place, Waiting
from engine.errors import BadInput

EXPECTED = (
    "expected chosen and rejected, optionally with a prompt, or another known layout; "
    "name the columns under [data.columns] (seal-tui doctor STUDY shows the first row)"
)


_Row = tuple[SourceRow, Mapping[str, Any]]


@dataclass
class _Group:
    """The rows of one key of a grouped layout, until the end of the source."""

    layout: Layout
    rows: list[Place] = field(default_factory=list)


class RowReader:
    """Reads the rows of a source in order; ids are unique among all of them."""

    def __init__(self, options: Options) -> None:
        self.options = options
        _check_sides(options)
        self._number = 0
        self._ids: set[str] = set()
        self._copies: dict[str, int] = {}  # how often an id has come, of those that repeat
        self._layouts: dict[str, Layout] = {}
        # By the columns and types of a row: its layout, and the columns that would be lost.
        self._shapes: dict[tuple[object, ...], tuple[Layout, tuple[str, ...]]] = {}
        self._groups: dict[tuple[str, bytes], _Group] = {}
        self._waiting = Waiting()

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The layouts of the rows so far."""
        return tuple(self._layouts.values())

    @property
    def waiting(self) -> int:
        """How many groups of rows are read but not complete."""
        return len(self._groups)

    def skip(self) -> None:
        """Counts a row that could not be parsed."""
        self._number += 1

    def read(self, name: str, row: Row) -> Sequence[Pair | Reject]:
        """The pairs of a row of the file `name`, or a reject; nothing yet for a grouped layout.

        Raises BadInput if the row has text that its layout does not use.
        """
        number, self._number = self._number, self._number + 1
        value = row.value
        if not isinstance(value, Mapping):
            detail = f"expected an object, got {described(value)}"
            return [Reject(name, row.line, "not_an_object", detail, excerpt(row.raw))]
        sources: tuple[SourceRow, ...] = ()
        try:
            raw = _raw(row)
            sources = (SourceRow(number, name, row.line, "", raw),)
            layout, unread = self._shape(value)
        except RowError as error:
            text = excerpt(row.raw)
            return [Reject(name, row.line, error.reason, error.detail, text, sources)]
        source = SourceRow(number, name, row.line, layout.name, raw)
        if not layout.grouped:
            return self._item(layout, [(source, value)], unread)
        return self._collect(layout, (source, value), unread)

    def finish(self) -> Iterator[Pair | Reject]:
        """The pairs of the grouped layouts, once all rows have been read.

        Raises BadInput if the study names a column that no row had.
        """
        self._check_named()
        for group in self._groups.values():
            yield from self._item(group.layout, self._waiting.rows(group.rows))
        self._groups.clear()
        self._waiting.close()

    def _check_named(self) -> None:
        """Only for layouts in which all names are of columns of a row."""
        plain = all(layout.settings == Preference.settings for layout in self.layouts)
        seen = {name for shape in self._shapes for name in shape if isinstance(name, str)}
        missing = sorted(self.options.columns.named - seen)
        if seen and plain and missing:
            raise BadInput(
                f'[data.columns] names "{missing[0]}", which is no column of the data: '
                f"{describe(dict.fromkeys(sorted(seen)))}"
            )

    def _collect(
        self, layout: Layout, row: _Row, unread: tuple[str, ...]
    ) -> Sequence[Pair | Reject]:
        """Adds a row to its group; the pairs of the group if it is complete."""
        try:
            layout.check_unread(row[1], unread)
            key = (layout.name, _digest(layout.key(row[1])))
        except Unused as unused:
            raise _unused(row[0], unused) from None
        except RowError as error:
            return [_reject([row], error)]
        group = self._groups.setdefault(key, _Group(layout))
        group.rows.append(self._waiting.add(row))
        if len(group.rows) != layout.complete:
            return ()
        del self._groups[key]
        rows = self._waiting.rows(group.rows)
        if not self._groups:
            self._waiting.clear()
        return self._item(layout, rows)

    def _item(
        self, layout: Layout, rows: Sequence[_Row], unread: tuple[str, ...] = ()
    ) -> Sequence[Pair | Reject]:
        """The pairs of one row, or of the rows of one group."""
        try:
            values = [value for _, value in rows]
            if unread:
                layout.check_unread(values[-1], unread)
            drafts = layout.read(values)
            for draft in drafts:
                check_conversation(draft.chosen, "chosen")
                check_conversation(draft.rejected, "rejected")
            return self._pairs(layout, drafts, rows)
        except Unused as unused:
            source, _ = rows[-1]
            raise _unused(source, unused) from None
        except RowError as error:
            return [_reject(rows, error)]

    def _shape(self, value: Mapping[str, object]) -> tuple[Layout, tuple[str, ...]]:
        key = (*value, *map(type, value.values()))
        if key not in self._shapes:
            kind = layout_of(value, self.options)
            if kind is None:
                raise RowError("missing_field", f"{describe(value)}; {EXPECTED}")
            layout = self._layouts.setdefault(kind.name, kind(self.options))
            if unused := layout.unused_settings:
                raise BadInput(
                    f"[data.columns] {', '.join(unused)}: not followed with rows of the layout "
                    f"{kind.name} ({kind.title}); name chosen and rejected, too, to read them as "
                    "your columns say"
                )
            self._shapes[key] = layout, layout.unread(value)
        return self._shapes[key]

    def _pairs(
        self,
        layout: Layout,
        drafts: Sequence[Draft],
        rows: Sequence[_Row],
    ) -> list[Pair]:
        sources = tuple(source for source, _ in rows)
        first, row = rows[-1]
        own, topic, group = layout.id(row), layout.topic(row), layout.group(row)
        base = str(first.number) if own is None else own
        if len(drafts) > 1:
            group = group or f"row {first.number}"
        return [
            Pair(
                self._unique(f"{base}:{draft.place}" if len(drafts) > 1 else base),
                first.line,
                draft.chosen,
                draft.rejected,
                topic,
                draft.facts,
                draft.group or group,
                sources,
                draft.place,
            )
            for draft in drafts
        ]

    def _unique(self, base: str) -> str:
        row_id = base
        while row_id in self._ids:
            copies = self._copies[base] = self._copies.get(base, 1) + 1
            row_id = f"{base}#{copies}"
        self._ids.add(row_id)
        return row_id


def _check_sides(options: Options) -> None:
    """Raises BadInput if the study names one column for both sides."""
    columns = options.columns
    pairs = {
        "chosen and rejected": (columns.chosen, columns.rejected),
        "scores": columns.scores,
        "models": columns.models,
    }
    for names, pair in pairs.items():
        if pair is not None and pair[0] is not None and pair[0] == pair[1]:
            raise BadInput(f'[data.columns] {names}: "{pair[0]}" cannot be both sides')


def _reject(rows: Sequence[_Row], error: RowError) -> Reject:
    sources = tuple(source for source, _ in rows)
    last = sources[-1]
    return Reject(last.file, last.line, error.reason, error.detail, excerpt(last.raw), sources)


def _digest(key: str) -> bytes:
    """A key may be a whole prompt."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _raw(row: Row) -> bytes:
    """The row as a JSON object; a line of JSON is kept as it is."""
    if isinstance(row.raw, bytes):
        return row.raw
    try:
        return as_json(row.value)  # type: ignore[arg-type]
    except (TypeError, RecursionError):
        raise RowError("wrong_type", f"values are nested more than {MOST} deep") from None


def _unused(row: SourceRow, unused: Unused) -> BadInput:
    columns = ", ".join(f'"{column}"' for column in unused.columns)
    where = f" ({unused.where})" if unused.where else ""
    it, hold = ("them", "hold") if len(unused.columns) > 1 else ("it", "holds")
    # [data.columns] names columns, and no fields inside one.
    say = "" if unused.where else "say what it is under [data.columns], or "
    return BadInput(
        f"{row.file}, line {row.line}{where}: {columns} {hold} text that would not be read: "
        f"{say}leave {it} out with [data] ignore = [{columns}]"
    )
