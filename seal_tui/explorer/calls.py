"""Everything that can be asked of the engine: each endpoint once, with what goes and comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from engine.wire.messages import (
    Agreement,
    AuthorRequest,
    CompleteRequest,
    Completion,
    ExportPreview,
    ExportRequest,
    ExportStatus,
    Ids,
    Imported,
    LedgerFile,
    MarkChange,
    MarkEvent,
    MarkProgress,
    MarkRequest,
    MarksChanged,
    Metrics,
    PairDetail,
    PairQuery,
    PairRow,
    Plots,
    ProgressRequest,
    Rejects,
    RewriteDetail,
    RewriteQuery,
    RewriteRow,
    RowsRequest,
    RunPlan,
    RunStatus,
    SavedFilter,
    StopRequest,
    StudyInfo,
)

if TYPE_CHECKING:
    from engine.study import Study

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One question to the engine."""

    method: str
    path: str
    answer: type[T]
    body: msgspec.Struct | None = None


class Calls:
    """Every endpoint, once."""

    @staticmethod
    def status() -> Call[RunStatus]:
        return Call("GET", "/status", RunStatus)

    @staticmethod
    def start() -> Call[RunStatus]:
        return Call("POST", "/run", RunStatus)

    @staticmethod
    def stop(now: bool = False) -> Call[RunStatus]:
        return Call("POST", "/stop", RunStatus, StopRequest(now=now))

    @staticmethod
    def plan(study: Study | None = None) -> Call[RunPlan]:
        """Of this study, or of the one in the run folder."""
        return Call("POST", "/plan", RunPlan, study)

    @staticmethod
    def shutdown() -> Call[Any]:
        return Call("POST", "/shutdown", object)

    @staticmethod
    def study() -> Call[StudyInfo]:
        return Call("GET", "/study", StudyInfo)

    @staticmethod
    def manifest() -> Call[dict[str, Any]]:
        return Call("GET", "/manifest", dict[str, Any])

    @staticmethod
    def metrics(preset: str | None = None) -> Call[Metrics]:
        query = f"?{urlencode({'preset': preset})}" if preset else ""
        return Call("GET", f"/metrics{query}", Metrics)

    @staticmethod
    def plots() -> Call[Plots]:
        return Call("GET", "/plots", Plots)

    @staticmethod
    def rejects() -> Call[Rejects]:
        return Call("GET", "/rejects", Rejects)

    @staticmethod
    def pairs(query: PairQuery) -> Call[Ids]:
        return Call("POST", "/pairs", Ids, query)

    @staticmethod
    def pair_rows(ids: Sequence[int], author: str = "") -> Call[list[PairRow]]:
        return Call(
            "POST", "/pairs/rows", list[PairRow], RowsRequest(ids=tuple(ids), author=author)
        )

    @staticmethod
    def pair(pair_id: int, author: str = "") -> Call[PairDetail]:
        query = f"?{urlencode({'author': author})}" if author else ""
        return Call("GET", f"/pairs/{quote(str(pair_id))}{query}", PairDetail)

    @staticmethod
    def rewrites(query: RewriteQuery) -> Call[Ids]:
        return Call("POST", "/rewrites", Ids, query)

    @staticmethod
    def rewrite_rows(ids: Sequence[int]) -> Call[list[RewriteRow]]:
        return Call("POST", "/rewrites/rows", list[RewriteRow], RowsRequest(ids=tuple(ids)))

    @staticmethod
    def rewrite(rewrite_id: int) -> Call[RewriteDetail]:
        return Call("GET", f"/rewrites/{quote(str(rewrite_id))}", RewriteDetail)

    @staticmethod
    def complete(text: str, cursor: int, *, rewrites: bool) -> Call[list[Completion]]:
        body = CompleteRequest(filter=text, cursor=cursor, rewrites=rewrites)
        return Call("POST", "/filters/complete", list[Completion], body)

    @staticmethod
    def saved_filters() -> Call[list[SavedFilter]]:
        return Call("GET", "/filters", list[SavedFilter])

    @staticmethod
    def save_filter(saved: SavedFilter) -> Call[list[SavedFilter]]:
        return Call("POST", "/filters", list[SavedFilter], saved)

    @staticmethod
    def mark(
        pair_ids: Sequence[int],
        change: MarkChange,
        author: str,
        *,
        blind: bool = False,
        dataset: str = "",
    ) -> Call[MarksChanged]:
        body = MarkRequest(
            pair_ids=tuple(pair_ids), change=change, author=author, blind=blind, dataset=dataset
        )
        return Call("POST", "/marks", MarksChanged, body)

    @staticmethod
    def undo(author: str) -> Call[MarksChanged]:
        return Call("POST", "/marks/undo", MarksChanged, AuthorRequest(author=author))

    @staticmethod
    def redo(author: str) -> Call[MarksChanged]:
        return Call("POST", "/marks/redo", MarksChanged, AuthorRequest(author=author))

    @staticmethod
    def mark_log(limit: int = 200) -> Call[list[MarkEvent]]:
        return Call("GET", f"/marks/log?limit={limit}", list[MarkEvent])

    @staticmethod
    def mark_progress(text: str, author: str) -> Call[MarkProgress]:
        body = ProgressRequest(filter=text, author=author)
        return Call("POST", "/marks/progress", MarkProgress, body)

    @staticmethod
    def agreement() -> Call[list[Agreement]]:
        return Call("GET", "/marks/agreement", list[Agreement])

    @staticmethod
    def preview_export(export: ExportRequest) -> Call[ExportPreview]:
        return Call("POST", "/export/preview", ExportPreview, export)

    @staticmethod
    def export(export: ExportRequest) -> Call[ExportStatus]:
        return Call("POST", "/export", ExportStatus, export)

    @staticmethod
    def export_status() -> Call[ExportStatus]:
        return Call("GET", "/export", ExportStatus)

    @staticmethod
    def cancel_export() -> Call[ExportStatus]:
        return Call("POST", "/export/cancel", ExportStatus)

    @staticmethod
    def import_ledger(path: str) -> Call[Imported]:
        return Call("POST", "/ledger/import", Imported, LedgerFile(path=path))
