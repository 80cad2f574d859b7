"""The rows of the dataset as they came, in its own layout and file format."""

from __future__ import annotations

from collections.abc import Mapping

from engine.data.origin import Origin, SourceFile
from engine.errors import BadInput, NotReady
from engine.export import as_came
from engine.export.decisions import Counts
from engine.export.formats.base import Advance, Format, Source, Target, footer
from engine.export.provenance import Provenance


class Same(Format):
    """Bound to a source by `of`; only then its endings are known."""

    name = "same"
    description = "the rows as they came, as decided"
    default_path = "rows"
    as_decided = True

    def __init__(self, origin: Origin | None = None) -> None:
        self._sources: Mapping[str, SourceFile] = {}
        if origin is None:
            return
        self._sources = {file.path: file for file in origin.files}
        if origin.form == "file":
            [file] = origin.files
            self.endings = as_came.endings(file)
            self.default_path = f"rows{self.endings[0]}"

    @property
    def files(self) -> frozenset[str]:
        return frozenset(self._sources)

    def of(self, origin: Origin | None) -> Format:
        if origin is None or not origin.files:
            raise NotReady(
                "this run does not have the rows of its dataset, since an older version made it: "
                "run the study again"
            )
        if not origin.is_safe:
            raise BadInput("the run names files outside of the folder of its dataset")
        return Same(origin)

    def contains_provenance(self, name: str) -> bool:
        return not self.is_folder and name.lower().endswith(".parquet")

    def counts(self, source: Source) -> dict[str, int]:
        found: dict[str, int] = source.source_rows().counts()
        return {name: number for name, number in found.items() if number}

    def count(self, counts: Counts, source: Source) -> int:
        rows: int = source.source_rows().count()
        return rows

    def write(
        self, target: Target, source: Source, provenance: Provenance, advance: Advance
    ) -> None:
        rows = source.source_rows()
        for path, file in self._sources.items():
            to = target.scratch / path if self.is_folder else target.scratch
            to.parent.mkdir(parents=True, exist_ok=True)
            name = path if self.is_folder else target.name
            compressed = name.lower().endswith(".gz")
            with as_came.writer(file, to, compressed, footer(provenance)) as write:
                for page in rows.of(file.name):
                    write(page)
                    advance(len(page))
