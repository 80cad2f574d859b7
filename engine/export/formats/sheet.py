"""Every pair with its decision, for a spreadsheet."""

from __future__ import annotations

from contextlib import AbstractContextManager

from engine.data.reviewed import ReviewedPair
from engine.export import writers
from engine.export.formats.base import PairFormat, Row, Target
from engine.export.provenance import Provenance
from engine.export.split import strings

_TEXT = ("prompt", "chosen", "rejected")
COLUMNS = (
    *("pair_id", "id", "topic", "regime", "opinion", "margin_pre", "margin_post"),
    *("theta", "gain", "ambiguity", "verdict", "flagged", "tags", "note"),
    *_TEXT,
)


class Sheet(PairFormat):
    name = "csv"
    description = "for spreadsheets: numbers, decisions, texts"
    default_path = "pairs.csv"
    endings = (".csv",)
    default_for = endings

    def rows(self, pair: ReviewedPair) -> list[Row]:
        """As the human chose, with the mark beside it."""
        cells = pair._asdict() | {
            "id": pair.source_id,
            "flagged": "yes" if pair.flagged else "",
            "tags": " ".join(pair.tags),
            **strings(pair.chosen, pair.rejected)._asdict(),
        }
        return [{name: cells[name] for name in COLUMNS}]

    def writer(
        self, target: Target, provenance: Provenance
    ) -> AbstractContextManager[writers.Write]:
        return writers.sheet(target.scratch, COLUMNS)
