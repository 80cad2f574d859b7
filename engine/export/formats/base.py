"""What a form of export is: its names, its rows, and how it is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from engine.export import provenance, writers
from engine.export.provenance import Provenance

if TYPE_CHECKING:
    from engine.export.decided import Counts, Decided
    from engine.wire.messages import Agreement, Metrics, StudyInfo

Row = Mapping[str, Any]
Columns = Mapping[str, writers.Kind]
Advance = Callable[[int], None]


class Source(Protocol):
    """What an export reads of a run, all of it of one moment."""

    study: StudyInfo
    metrics: Metrics
    warnings: tuple[str, ...]

    def pairs(self) -> Iterator[Sequence[Decided]]:
        """The pairs in pages, as the human chose."""
        ...

    def pairs_as_decided(self) -> Iterator[Sequence[Decided]]:
        """The same with their sides as decided, without those that are left out."""
        ...

    def changes(self) -> Iterator[Sequence[Any]]:
        """The log of decisions about the pairs, in pages."""
        ...

    def agreement(self) -> Sequence[Agreement]:
        """How far reviewers agree."""
        ...


@dataclass(frozen=True)
class Target:
    """`scratch` is where to write; `name` the final name, whose ending chooses the encoding."""

    scratch: Path
    name: str

    def ends_in(self, ending: str) -> bool:
        return self.name.lower().endswith(ending)


class Format(ABC):
    """One form of export; an instance each in `formats.FORMATS`."""

    name: ClassVar[str]
    meaning: ClassVar[str]  # one line for a list
    proposed: ClassVar[str]  # the file name that the explorer proposes
    endings: ClassVar[tuple[str, ...]] = ()  # of its files; empty: it is a folder
    usual_for: ClassVar[tuple[str, ...]] = ()  # endings that mean this form where none is named
    as_decided: ClassVar[bool] = False  # flips are swapped, drops left out
    has_rows: ClassVar[bool] = True

    @property
    def is_folder(self) -> bool:
        return not self.endings

    def describes_itself(self, name: str) -> bool:
        """Whether a file of this name can hold its own provenance."""
        return True

    @abstractmethod
    def count(self, counts: Counts, source: Source) -> int:
        """How many rows will be written."""

    @abstractmethod
    def write(
        self, target: Target, source: Source, provenance: Provenance, advance: Advance
    ) -> None:
        """Write all of it. `advance` takes the number of rows since it was last called; what it
        raises ends the export."""


class PairFormat(Format):
    """A form with rows for every pair: JSON lines, or Parquet where the name says so."""

    columns: ClassVar[Columns]

    @abstractmethod
    def rows(self, pair: Decided) -> list[Row]:
        """The rows of one pair; their keys are `columns`."""

    def describes_itself(self, name: str) -> bool:
        return name.lower().endswith(".parquet")

    def count(self, counts: Counts, source: Source) -> int:
        return counts.included if self.as_decided else counts.pairs

    def write(
        self, target: Target, source: Source, provenance: Provenance, advance: Advance
    ) -> None:
        pages = source.pairs_as_decided() if self.as_decided else source.pairs()
        with self.writer(target, provenance) as write:
            for page in pages:
                rows = [row for pair in page for row in self.rows(pair)]
                write(rows)
                advance(len(rows))

    def writer(
        self, target: Target, provenance: Provenance
    ) -> AbstractContextManager[writers.Write]:
        if target.ends_in(".parquet"):
            return writers.parquet(target.scratch, self.columns, footer(provenance))
        return writers.json_lines(target.scratch, target.ends_in(".gz"))


def footer(of: Provenance) -> dict[str, str]:
    """Provenance as the metadata of a Parquet file."""
    return {provenance.KEY: of.text()}


def head(pair: Decided) -> dict[str, Any]:
    """The columns that every training form begins with."""
    return {"id": pair.source_id, "topic": pair.topic}


HEAD: Columns = {"id": "text", "topic": "text"}
