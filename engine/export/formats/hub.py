"""A folder in the layout of a hub dataset: one Parquet file and a card."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from engine.data.reviewed import ReviewedPair
from engine.export import card, place, writers
from engine.export.formats.base import PairFormat, Row, Target, footer
from engine.export.formats.trl import TrlMessages
from engine.export.provenance import Provenance
from engine.export.writers import Columns


class Hub(PairFormat):
    name = "hub"
    description = "a folder as a dataset hub has it, with a card"
    default_path = "dataset"
    as_decided = True
    columns: ClassVar[Columns] = {**TrlMessages.columns, "verdict": "text"}

    def contains_provenance(self, name: str) -> bool:
        return True  # in its card

    def rows(self, pair: ReviewedPair) -> list[Row]:
        [row] = TrlMessages().rows(pair)
        return [{**row, "verdict": pair.verdict}]

    @contextmanager
    def writer(self, target: Target, provenance: Provenance) -> Iterator[writers.Write]:
        data = target.scratch / place.DATA
        data.parent.mkdir(parents=True)
        with writers.parquet(data, self.columns, footer(provenance)) as write:
            yield write
        writers.text(target.scratch / place.CARD, card.text(provenance))
