"""A page of findings for readers."""

from __future__ import annotations

from pathlib import Path

from engine.export import report, writers
from engine.export.decisions import Counts
from engine.export.formats.base import Advance, Format, Source, Target
from engine.export.provenance import Provenance


class Report(Format):
    name = "report"
    description = "tables and figures; .md works too"
    default_path = "report.html"
    endings = (".md", ".html")
    default_for = endings
    has_rows = False

    def count(self, counts: Counts, source: Source) -> int:
        return 0

    def write(
        self, target: Target, source: Source, provenance: Provenance, advance: Advance
    ) -> None:
        blocks = report.blocks(
            source.study, source.metrics, source.warnings, source.agreement(), provenance
        )
        writers.text(target.scratch, report.rendered(Path(target.name), source.study.name, blocks))
