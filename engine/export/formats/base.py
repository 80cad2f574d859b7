"""The export format: its name, its rows, and how it is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from engine.export import provenance, writers
from engine.export.provenance import Provenance
from engine.export.writers import Columns

if TYPE_CHECKING:
    from engine.data.reviewed import ReviewedPair
    from engine.export.decisions import Counts
    from engine.wire.messages import Agreement, Metrics, StudyInfo

Row = Mapping[str, Any]
Advance = Callable[[int], None]


class Source(Protocol):
    """What a format may read from a run. All of it is as of one moment."""

    study: StudyInfo
    metrics: Metrics
    warnings: tuple[str, ...]

    def pairs(self) -> Iterator[Sequence[ReviewedPair]]:
        """The pairs in their original order, page by page."""
        ...

    def pairs_as_decided(self) -> Iterator[Sequence[ReviewedPair]]:
        """The pairs with their sides as decided, without omitted ones, page by page."""
        ...

    def changes(self) -> Iterator[Sequence[Any]]:
        """The decision log of all authors about these pairs, page by page."""
        ...

    def agreement(self) -> Sequence[Agreement]:
        """The agreement of every two reviewers."""
        ...


@dataclass(frozen=True)
class Target:
    """`scratch` is the path to write to; the ending of `name`, the final one, sets the encoding."""

    scratch: Path
    name: str

    def ends_in(self, ending: str) -> bool:
        return self.name.lower().endswith(ending)


class Format(ABC):
    """One export format. `formats.FORMATS` holds an instance of each."""

    name: ClassVar[str]
    description: ClassVar[str]  # one line for a list
    default_path: ClassVar[str]  # suggested by the explorer
    endings: ClassVar[tuple[str, ...]] = ()  # allowed file endings; empty for a folder
    default_for: ClassVar[tuple[str, ...]] = ()  # endings that select it if no format is named
    as_decided: ClassVar[bool] = False  # flips are swapped, drops omitted
    has_rows: ClassVar[bool] = True

    @property
    def is_folder(self) -> bool:
        return not self.endings

    def contains_provenance(self, name: str) -> bool:
        """Whether an export to this file name holds its own provenance, without a sidecar."""
        return True

    @abstractmethod
    def count(self, counts: Counts, source: Source) -> int:
        """The number of rows that will be written."""

    @abstractmethod
    def write(
        self, target: Target, source: Source, provenance: Provenance, advance: Advance
    ) -> None:
        """Write the export. Call `advance` with the number of rows since the last call; it raises
        to cancel."""


class PairFormat(Format):
    """A format with rows for every pair, in JSON lines or Parquet."""

    columns: ClassVar[Columns]

    @abstractmethod
    def rows(self, pair: ReviewedPair) -> list[Row]:
        """The rows of one pair, with the keys of `columns`."""

    def contains_provenance(self, name: str) -> bool:
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
    """Provenance as Parquet metadata."""
    return {provenance.KEY: of.text()}


def head(pair: ReviewedPair) -> dict[str, Any]:
    """The leading columns of every training format."""
    return {"id": pair.source_id, "topic": pair.topic}


HEAD: Columns = {"id": "text", "topic": "text"}
