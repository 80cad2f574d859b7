"""Every pair with its decision, for a spreadsheet."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import ClassVar

from engine.data.reviewed import ReviewedPair
from engine.export import writers
from engine.export.formats.base import PairFormat, Row, Shape, Target
from engine.export.provenance import Provenance
from engine.export.split import strings
from engine.export.writers import Columns

_TEXT = ("prompt", "chosen", "rejected")
COLUMNS = (
    *("pair_id", "id", "topic", "regime", "opinion", "margin_pre", "margin_post"),
    *("theta", "gain", "ambiguity", "verdict", "flagged", "tags", "note"),
    *("group", "margin_human", "votes_chosen", "votes_rejected", "votes_tied"),
    *("score_chosen", "score_rejected", "model_chosen", "model_rejected"),
    *_TEXT,
)


class Sheet(PairFormat):
    name = "csv"
    description = "for spreadsheets: numbers, decisions, texts"
    default_path = "pairs.csv"
    endings = (".csv",)
    default_for = endings
    columns: ClassVar[Columns] = dict.fromkeys(COLUMNS, "text")

    def rows(self, pair: ReviewedPair) -> list[Row]:
        """As the human chose, with the mark beside it."""
        cells = pair._asdict() | {
            "id": pair.source_id,
            "group": pair.group_no,
            "flagged": "yes" if pair.flagged else "",
            "tags": " ".join(pair.tags),
            **strings(pair.chosen, pair.rejected)._asdict(),
        }
        return [{name: cells[name] for name in COLUMNS}]

    def writer(
        self, target: Target, provenance: Provenance, shape: Shape
    ) -> AbstractContextManager[writers.Write]:
        return writers.sheet(target.scratch, COLUMNS)
