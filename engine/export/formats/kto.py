"""Single conversations with a label, as TRL's KTO trainer reads them."""

from __future__ import annotations

from typing import ClassVar

from engine.data.reviewed import ReviewedPair
from engine.export.decisions import Counts
from engine.export.formats.base import HEAD, PairFormat, Row, Source, head
from engine.export.split import labelled
from engine.export.writers import Columns


class Kto(PairFormat):
    name = "kto"
    description = "prompt, completion, label"
    default_path = "kto.jsonl"
    endings = (".jsonl", ".jsonl.gz", ".parquet")
    as_decided = True
    columns: ClassVar[Columns] = {**HEAD, "prompt": "text", "completion": "text", "label": "bool"}

    def count(self, counts: Counts, source: Source) -> int:
        return 2 * counts.included

    def rows(self, pair: ReviewedPair) -> list[Row]:
        """Two rows: the chosen conversation with label true, the rejected one with label false."""
        rows: list[Row] = []
        for text, label in ((pair.chosen, True), (pair.rejected, False)):
            prompt, completion = labelled(text)
            rows.append(head(pair) | {"prompt": prompt, "completion": completion, "label": label})
        return rows
