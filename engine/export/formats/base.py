"""The export format: its name, its rows, and how it is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from engine.export import provenance, writers
from engine.export.provenance import Provenance
from engine.export.writers import Columns

if TYPE_CHECKING:
    from engine.data.conversation import Conversation
    from engine.data.origin import Origin
    from engine.data.reviewed import ReviewedPair
    from engine.export.decisions import Counts
    from engine.wire.messages import Agreement, ExportRequest, Metrics, StudyInfo

Row = Mapping[str, Any]
Advance = Callable[[int], None]

NO_PROMPT = "without a prompt (left out)"
# The fields of messages by their names in a row.
FIELDS = {
    "thinking": "thinking",
    "tool_calls": "tool_calls",
    "name": "name",
    "call_id": "tool_call_id",
}


class Source(Protocol):
    """What a format may read from a run. All of it is as of one moment."""

    study: StudyInfo
    metrics: Metrics
    warnings: tuple[str, ...]
    request: ExportRequest
    origin: Origin | None

    @property
    def fields(self) -> Collection[str]:
        """Which of `FIELDS` the messages have, and "tools" if there are tools."""
        ...

    def pairs(self) -> Iterator[Sequence[ReviewedPair]]:
        """The pairs in their original order, page by page."""
        ...

    def pairs_as_decided(self) -> Iterator[Sequence[ReviewedPair]]:
        """The pairs with their sides as decided, without omitted ones, page by page."""
        ...

    def source_rows(self) -> Any:
        """The rows of the dataset as decided: an `engine.export.same_rows.Rows`."""
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
    default_path: str  # suggested by the explorer
    endings: tuple[str, ...] = ()  # allowed file endings; empty for a folder
    default_for: ClassVar[tuple[str, ...]] = ()  # endings that select it if no format is named
    as_decided: ClassVar[bool] = False  # flips are swapped, drops omitted
    has_rows: ClassVar[bool] = True
    # The optional columns that it has: margin, soft_labels.
    takes: ClassVar[frozenset[str]] = frozenset()
    # How a trainer makes tokens of a side: of its transcript, or of its messages.
    tokens_of: ClassVar[Literal["", "transcript", "messages"]] = ""
    # Whether its rows are strings, which hold transcripts only.
    strings_only: ClassVar[bool] = False
    # The pairs that `problem` may refuse: none, those without an ordinary prompt, or any.
    refuses: ClassVar[Literal["none", "unusual", "any"]] = "none"

    @property
    def is_folder(self) -> bool:
        return not self.endings

    @property
    def files(self) -> frozenset[str]:
        """The relative names of the files of a folder."""
        return frozenset()

    def of(self, origin: Origin | None) -> Format:
        """The format for a run with pairs of this origin. Raises BadInput if there is none."""
        return self

    def problem(self, chosen: Conversation, rejected: Conversation) -> str | None:
        """Why rows of this format cannot hold such a pair, in words that follow a number; None if
        they can. The order of the sides does not matter."""
        return None

    def counts(self, source: Source) -> dict[str, int]:
        """Further counts for the preview, by what they count."""
        return {}

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


@dataclass(frozen=True)
class Shape:
    """The columns of an export, and the fields of its messages."""

    columns: Columns
    fields: Collection[str]


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
        has_tools = "tools" in source.fields and "messages" in self.columns.values()
        with self.writer(target, provenance, self._shape(source, has_tools)) as write:
            for page in pages:
                rows = [
                    {**row, **self._further(pair, source.request, has_tools)}
                    for pair in page
                    for row in self.rows(pair)
                ]
                write(rows)
                advance(len(rows))

    def writer(
        self, target: Target, provenance: Provenance, shape: Shape
    ) -> AbstractContextManager[writers.Write]:
        if target.ends_in(".parquet"):
            footer_of = footer(provenance)
            return writers.parquet(target.scratch, shape.columns, footer_of, shape.fields)
        return writers.json_lines(target.scratch, target.ends_in(".gz"))

    def _shape(self, source: Source, has_tools: bool) -> Shape:
        columns = dict(self.columns)
        if has_tools:
            columns["tools"] = "text"
        if source.request.margin:
            columns["margin"] = "number"
        if source.request.soft_labels:
            columns["soft_label"] = "number"
        return Shape(columns, [FIELDS[name] for name in source.fields if name in FIELDS])

    def _further(
        self, pair: ReviewedPair, request: ExportRequest, has_tools: bool
    ) -> dict[str, Any]:
        """The values of the columns that only some exports have."""
        values: dict[str, Any] = {}
        if has_tools:
            values["tools"] = pair.chosen.tools or pair.rejected.tools or None
        if request.margin:
            values["margin"] = pair.margin_human or 0.0
        if request.soft_labels:
            share = pair.voted if request.soft_labels == "votes" else pair.agreed
            values["soft_label"] = 1.0 if share is None else share
        return values


def footer(of: Provenance) -> dict[str, str]:
    """Provenance as Parquet metadata."""
    return {provenance.KEY: of.text()}


def head(pair: ReviewedPair) -> dict[str, Any]:
    """The leading columns of every training format."""
    return {"id": pair.source_id, "topic": pair.topic}


HEAD: Columns = {"id": "text", "topic": "text"}
