"""The first pair of a source as the program understands it, for people who check a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from engine.data.extras import extras
from engine.data.layouts import BY_NAME
from engine.data.options import Options
from engine.data.pairs import Pair, Reject
from engine.data.prose import is_text
from engine.data.readers import Source, read_pairs

MOST_REJECTS = 1_000  # rows without a pair that are read in search of one


@dataclass(frozen=True)
class First:
    """The first pair of a source. `title` is the layout for people; `extras` the columns of its
    rows that are no text; `not_read` those that hold text which is no part of the conversations.
    `rejects` came before it; `pair` is None if there were only those."""

    pair: Pair | None
    rejects: tuple[Reject, ...]
    layout: str = ""
    title: str = ""
    extras: Mapping[str, str] | None = None
    not_read: tuple[str, ...] = ()


def first(source: Source) -> First:
    """Reads as far as the first pair; of rows that belong together, all. Raises BadInput."""
    rejects: list[Reject] = []
    for item in read_pairs(source):
        if isinstance(item, Pair):
            return _described(item, tuple(rejects), source.options)
        rejects.append(item)
        if len(rejects) == MOST_REJECTS:
            break
    return First(None, tuple(rejects))


def _described(pair: Pair, rejects: tuple[Reject, ...], options: Options) -> First:
    layout = pair.rows[-1].layout
    kind = BY_NAME[layout]
    spoken = [m.content for side in (pair.chosen, pair.rejected) for m in side.messages]
    columns: dict[str, Any] = {}
    for row in pair.rows:
        columns |= orjson.loads(row.raw)
    own = options.columns
    sides = (own.system, own.chosen, own.rejected, *own.prompts)
    read = kind.text | {name for name in sides if name is not None}
    return First(
        pair,
        rejects,
        layout,
        kind.title,
        extras([(row.layout, row.raw) for row in pair.rows], spoken),
        tuple(name for name, value in columns.items() if name not in read and is_text(name, value)),
    )
