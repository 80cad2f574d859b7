"""The log of all decisions, to be imported into another run of the same pairs."""

from __future__ import annotations

from engine.export import provenance as origin
from engine.export import writers
from engine.export.decisions import Counts
from engine.export.formats.base import Advance, Format, Source, Target
from engine.export.provenance import Provenance


class Ledger(Format):
    name = "ledger"
    description = "every change, to import on another host"
    default_path = "ledger.jsonl"
    endings = (".jsonl", ".jsonl.gz")

    def count(self, counts: Counts, source: Source) -> int:
        return sum(len(page) for page in source.changes())

    def write(
        self, target: Target, source: Source, provenance: Provenance, advance: Advance
    ) -> None:
        first = {origin.KEY: provenance}
        with writers.json_lines(
            target.scratch, target.ends_in(".gz"), first, visible=True
        ) as write:
            for page in source.changes():
                write(page)
                advance(len(page))
