"""Every endpoint of the engine, once: what is asked, what is answered, and where.

Server, clients, the engine of the tests and docs/engine-api.md follow this table. The fields of a
GET request that are not in its path are the query; any other request is the body, as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import Any, Generic, Literal, TypeVar, overload

from engine.wire.messages import (
    Agreement,
    BlindPair,
    BlindRow,
    CompleteRequest,
    Completion,
    ExportPreview,
    ExportRequest,
    ExportStatus,
    Ids,
    Imported,
    LedgerFile,
    LogRequest,
    MarkEvent,
    MarkProgress,
    MarkRequest,
    MarksChanged,
    Metrics,
    MetricsRequest,
    Nothing,
    OutsideInfo,
    PairDetail,
    PairQuery,
    PairRequest,
    PairRow,
    PairRowsRequest,
    PlanRequest,
    Plots,
    ProgressRequest,
    RedoRequest,
    Rejects,
    Request,
    RewriteDetail,
    RewriteQuery,
    RewriteRequest,
    RewriteRow,
    RewriteRowsRequest,
    RunPlan,
    RunStatus,
    SavedFilter,
    SaveFilter,
    StartRequest,
    StopRequest,
    StudyInfo,
    UndoRequest,
)

Asked = TypeVar("Asked", bound=Request)
Answer = TypeVar("Answer")
Method = Literal["GET", "POST"]


@dataclass(frozen=True)
class Endpoint(Generic[Asked, Answer]):
    """One question: `PAIRS(PairQuery(filter="margin<0"))` is a call that a client can send.

    `meaning` is its line in the documentation. `at_once`: answered without waiting for a database
    or a disk. `interruptible`: the work ends when the client goes away. `writes`: one at a time, in
    the order of arrival.
    """

    method: Method
    path: str
    request: type[Asked]
    answer: type[Answer]
    meaning: str
    at_once: bool = False
    interruptible: bool = False
    writes: bool = False

    @overload
    def __call__(self: Endpoint[Nothing, Answer]) -> Call[Answer]: ...

    @overload
    def __call__(self, request: Asked) -> Call[Answer]: ...

    def __call__(self, request: Request | None = None) -> Call[Answer]:
        return Call(self, request or Nothing())

    @property
    def in_path(self) -> tuple[str, ...]:
        """The fields of the request that stand in the path, in its order."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.path) if name)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Stream(Generic[Answer]):
    """A question whose answer goes on for ever: server-sent events, each an `Answer`."""

    path: str
    answer: type[Answer]
    meaning: str


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """A request to an endpoint, ready to be sent."""

    endpoint: Endpoint[Any, Answer]
    request: Request


# ---------------------------------------------------------------- the run

STATUS = Endpoint("GET", "/status", Nothing, RunStatus, "how far the run is", at_once=True)
EVENTS = Stream("/events", RunStatus, "the status now and at every change, see below")
START = Endpoint(
    "POST",
    "/run",
    StartRequest,
    RunStatus,
    "starts or resumes the run; nothing happens if one is on; refused if the user has not seen "
    "what it calls",
)
OUTSIDE = Endpoint(
    "GET", "/outside", Nothing, OutsideInfo, "what a run would read and call outside of its folder"
)
STOP = Endpoint(
    "POST",
    "/stop",
    StopRequest,
    RunStatus,
    "asks the run to stop, and answers before it has; what is committed stays",
)
PLAN = Endpoint(
    "POST",
    "/plan",
    PlanRequest,
    RunPlan,
    "what a run would reuse and compute; writes nothing, but reads data and weights",
)
SHUTDOWN = Endpoint(
    "POST", "/shutdown", Nothing, RunStatus, "as `/stop`; the engine leaves when the run has ended"
)

# ---------------------------------------------------------------- the study and its results

STUDY = Endpoint("GET", "/study", Nothing, StudyInfo, "the study as it is set up")
MANIFEST = Endpoint("GET", "/manifest", Nothing, dict[str, Any], "`manifest.json` as it is on disk")
METRICS = Endpoint("GET", "/metrics", MetricsRequest, Metrics, "the metric tables")
PLOTS = Endpoint("GET", "/plots", Nothing, Plots, "what the paper draws, counted")
REJECTS = Endpoint(
    "GET", "/rejects", Nothing, Rejects, "rows left out; also before there are measures"
)

# ---------------------------------------------------------------- pairs and rewrites

PAIRS = Endpoint("POST", "/pairs", PairQuery, Ids, "which pairs, in order", interruptible=True)
PAIR_ROWS = Endpoint(
    "POST",
    "/pairs/rows",
    PairRowsRequest,
    list[PairRow],
    "in the order of the ids; ids that are not there are left out",
)
PAIR = Endpoint("GET", "/pairs/{id}", PairRequest, PairDetail, "one pair whole")
BLIND_ROWS = Endpoint(
    "POST",
    "/blind/rows",
    PairRowsRequest,
    list[BlindRow],
    "as `/pairs/rows`, without what depends on the human's choice or on others' decisions",
)
BLIND_PAIR = Endpoint(
    "GET", "/blind/{id}", PairRequest, BlindPair, "one pair whole, as answers A and B"
)
REWRITES = Endpoint(
    "POST",
    "/rewrites",
    RewriteQuery,
    Ids,
    "which rewritten pairs, in order",
    interruptible=True,
)
REWRITE_ROWS = Endpoint(
    "POST",
    "/rewrites/rows",
    RewriteRowsRequest,
    list[RewriteRow],
    "in the order of the ids; ids that are not there are left out",
)
REWRITE = Endpoint("GET", "/rewrites/{id}", RewriteRequest, RewriteDetail, "one rewrite whole")

# ---------------------------------------------------------------- filters

COMPLETE = Endpoint(
    "POST",
    "/filters/complete",
    CompleteRequest,
    list[Completion],
    "what may follow in a filter at the cursor",
)
SAVED_FILTERS = Endpoint("GET", "/filters", Nothing, list[SavedFilter], "the saved filters")
SAVE_FILTER = Endpoint(
    "POST",
    "/filters",
    SaveFilter,
    list[SavedFilter],
    "saves a filter; all saved filters",
    writes=True,
)

# ---------------------------------------------------------------- decisions

MARK = Endpoint(
    "POST",
    "/marks",
    MarkRequest,
    MarksChanged,
    "changes marks, all or none, on disk when answered",
    writes=True,
)
UNDO = Endpoint(
    "POST",
    "/marks/undo",
    UndoRequest,
    MarksChanged,
    "takes the last change of an author's session back",
    writes=True,
)
REDO = Endpoint(
    "POST",
    "/marks/redo",
    RedoRequest,
    MarksChanged,
    "makes a change again that the session took back",
    writes=True,
)
MARK_LOG = Endpoint(
    "GET", "/marks/log", LogRequest, list[MarkEvent], "what was decided, newest first"
)
MARK_PROGRESS = Endpoint(
    "POST", "/marks/progress", ProgressRequest, MarkProgress, "how far an author is"
)
AGREEMENT = Endpoint(
    "GET", "/marks/agreement", Nothing, list[Agreement], "every two authors beside each other"
)
IMPORT_LEDGER = Endpoint(
    "POST", "/ledger/import", LedgerFile, Imported, "imports an exported ledger, all or nothing"
)

# ---------------------------------------------------------------- exports

PREVIEW_EXPORT = Endpoint(
    "POST", "/export/preview", ExportRequest, ExportPreview, "what an export would write"
)
EXPORT = Endpoint(
    "POST", "/export", ExportRequest, ExportStatus, "begins to write; 409 while another is written"
)
EXPORT_STATUS = Endpoint(
    "GET", "/export", Nothing, ExportStatus, "how far the export is", at_once=True
)
CANCEL_EXPORT = Endpoint(
    "POST", "/export/cancel", Nothing, ExportStatus, "ends the export; nothing of it is left"
)

ENDPOINTS: tuple[Endpoint[Any, Any], ...] = tuple(
    row for row in list(globals().values()) if isinstance(row, Endpoint)
)
STREAMS: tuple[Stream[Any], ...] = tuple(
    row for row in list(globals().values()) if isinstance(row, Stream)
)
