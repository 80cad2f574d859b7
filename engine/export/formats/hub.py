"""A folder in the layout of a hub dataset: one Parquet file and a card."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import msgspec

from engine.data.conversation import Conversation
from engine.data.reviewed import ReviewedPair
from engine.export import card, place, writers
from engine.export.formats.base import PairFormat, Row, Shape, Target, footer
from engine.export.formats.trl import TrlMessages
from engine.export.provenance import Provenance
from engine.export.writers import Columns

_ROWS = TrlMessages()


class Hub(PairFormat):
    name = "hub"
    description = "a dataset folder with a card"
    default_path = "dataset"
    as_decided = True
    takes = TrlMessages.takes
    tokens_of = TrlMessages.tokens_of
    refuses = TrlMessages.refuses
    columns: ClassVar[Columns] = {**TrlMessages.columns, "verdict": "text"}

    @property
    def files(self) -> frozenset[str]:
        return frozenset((place.CARD, place.DATA))

    def problem(self, chosen: Conversation, rejected: Conversation) -> str | None:
        return _ROWS.problem(chosen, rejected)

    def contains_provenance(self, name: str) -> bool:
        return True  # in its card

    def rows(self, pair: ReviewedPair) -> list[Row]:
        [row] = _ROWS.rows(pair)
        return [{**row, "verdict": pair.verdict}]

    @contextmanager
    def writer(
        self, target: Target, provenance: Provenance, shape: Shape
    ) -> Iterator[writers.Write]:
        data = target.scratch / place.DATA
        data.parent.mkdir(parents=True)
        digest = hashlib.sha256()
        encoder = msgspec.json.Encoder()
        with writers.parquet(data, shape.columns, footer(provenance), shape.fields) as write:

            def write_and_digest(rows: writers.Rows) -> None:
                digest.update(encoder.encode_lines(rows))
                write(rows)

            yield write_and_digest
        content = card.text(provenance, tuple(shape.columns), digest.hexdigest())
        writers.text(target.scratch / place.CARD, content)
