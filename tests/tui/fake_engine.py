"""A small engine in-process: a hand-made study behind the same endpoints and messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from engine.errors import NotReady
from engine.wire import endpoints
from engine.wire.answering import answers, methods
from engine.wire.endpoints import Asked, Call, Endpoint
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
    Problem,
    ProgressRequest,
    RedoRequest,
    Rejects,
    RewriteDetail,
    RewriteQuery,
    RewriteRequest,
    RewriteRow,
    RewriteRowsRequest,
    RunPlan,
    RunStatus,
    SavedFilter,
    SaveFilter,
    StageProgress,
    StartRequest,
    StopRequest,
    StudyInfo,
    UndoRequest,
)
from engine.wire.requests import asked
from engine.wire.version import contract

from . import fake_study

REGIMES = ("stayed", "got", "resisted", "reversed")


def stage(name: str, state: str, done: int, total: int, **more: Any) -> StageProgress:
    return StageProgress(
        name=name,
        label=name.replace("_", " "),
        unit="entries",
        state=state,  # type: ignore[arg-type]
        done=done,
        total=total,
        **more,
    )


DONE_STAGES = (
    stage("read", "done", 24, 24, seconds=0.4),
    stage("label", "done", 48, 48, seconds=12.0),
    stage("score", "done", 96, 96, seconds=31.0),
    stage("measure", "done", 1, 1, seconds=2.0),
)


@dataclass
class FakeEngine:
    """What the endpoints answer; every filter selects everything. Tests change it, and call
    `announce` after a change of status."""

    study: StudyInfo = fake_study.STUDY
    metrics: Metrics = fake_study.METRICS
    plots: Plots = fake_study.PLOTS
    left_out: Rejects = fake_study.REJECTS
    pairs: dict[int, PairDetail] = field(default_factory=fake_study.pairs)
    rewrites: dict[int, RewriteDetail] = field(default_factory=fake_study.rewrites)
    record: dict[str, Any] = field(default_factory=lambda: {"versions": {"engine": "0.1.0"}})
    calls: tuple[str, ...] = ()  # what a run reads and calls that the user has not seen
    planned: RunPlan = field(default_factory=lambda: RunPlan(stages=()))
    slow: bool = False
    stopping: bool = False
    ready: bool = True
    down: bool = False
    silent: bool = False  # no sign of life between events
    many: int = 0
    held: asyncio.Event | None = None
    holds: tuple[Endpoint[Any, Any], ...] = (endpoints.PAIRS, endpoints.PAIR_ROWS)
    state: str = "done"
    left: tuple[float | None, bool] = (None, False)
    stages: tuple[StageProgress, ...] = DONE_STAGES
    warnings: tuple[str, ...] = ("label agreement with gold is low for “honest” (κ 0.21)",)
    counts: dict[str, int] = field(default_factory=lambda: dict(fake_study.COUNTS))
    rejects: dict[str, int] = field(default_factory=lambda: {"no_assistant_turn": 2})
    preview: ExportPreview = fake_study.PREVIEW
    completions: tuple[Completion, ...] = fake_study.COMPLETIONS
    saved: tuple[SavedFilter, ...] = fake_study.SAVED
    events: tuple[MarkEvent, ...] = fake_study.EVENTS
    agreements: tuple[Agreement, ...] = fake_study.AGREEMENTS
    error: str | None = None
    version: int = 1
    asked: list[Call[Any]] = field(default_factory=list)
    streams: set[asyncio.Queue[RunStatus | None]] = field(default_factory=set)

    # ---------------------------------------------------------- what tests do to it

    @answers(endpoints.STATUS)
    def status(self) -> RunStatus:
        return RunStatus(
            version=self.version,
            run_dir="/runs/demo",
            study=self.study.name,
            state=self.state,  # type: ignore[arg-type]
            stages=self.stages,
            counts=self.counts,
            rejects=self.rejects,
            warnings=self.warnings,
            error=self.error,
            elapsed_s=252.0,
            pid=4321,
            engine_version="0.1.0",
            contract=contract(),
            stopping=self.stopping,
            left_s=self.left[0],
            left_at_least=self.left[1],
        )

    def announce(self, **changes: Any) -> None:
        """Changes the status and tells every client."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1
        for stream in self.streams:
            stream.put_nowait(self.status())

    def die(self) -> None:
        """Breaks every connection and refuses new ones."""
        self.down = True
        for stream in self.streams:
            stream.put_nowait(None)

    def queries(self, endpoint: Endpoint[Asked, Any]) -> list[Asked]:
        """What was asked of an endpoint, in order."""
        return [call.request for call in self.asked if call.endpoint is endpoint]  # type: ignore[misc]

    # ---------------------------------------------------------- the app

    def app(self) -> Any:
        routes = [self._route(*row) for row in methods(FakeEngine).items()]
        routes.append(Route(endpoints.EVENTS.path, self._events))
        return self._refusing(Starlette(routes=routes))

    def _route(self, endpoint: Endpoint[Any, Any], method: str) -> Route:
        async def respond(request: Request) -> Response:
            wanted = asked(
                endpoint, request.path_params, request.query_params, await request.body()
            )
            self.asked.append(Call(endpoint, wanted))
            if self.held is not None and endpoint in self.holds:
                await self.held.wait()
            arguments = () if endpoint.request is Nothing else (wanted,)
            try:
                body, status = getattr(self, method)(*arguments), 200
            except NotReady as error:
                body, status = Problem(error=str(error), kind=error.kind), error.kind.http_status
            return Response(msgspec.json.encode(body), status, media_type="application/json")

        path = endpoint.path.replace("{id}", "{id:int}")
        return Route(path, respond, methods=[endpoint.method])

    def _refusing(self, app: Any) -> Callable[..., Any]:
        async def refuse(scope: Any, receive: Any, send: Any) -> None:
            if self.down:
                raise ConnectionRefusedError("connection refused")
            await app(scope, receive, send)

        return refuse

    async def _events(self, request: Request) -> Response:
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[RunStatus | None] = asyncio.Queue()
        self.streams.add(queue)
        try:
            status: RunStatus | None = self.status()
            while status is not None:
                yield b"data: " + msgspec.json.encode(status) + b"\n\n"
                said = asyncio.ensure_future(queue.get())
                while not (await asyncio.wait({said}, timeout=1))[0]:
                    if not self.silent:
                        yield b": still here\n\n"
                status = said.result()
        finally:
            self.streams.discard(queue)

    # ---------------------------------------------------------- what is answered

    @answers(endpoints.OUTSIDE)
    def outside(self) -> OutsideInfo:
        return OutsideInfo(lines=self.calls, digest="d", seen=not self.calls)

    @answers(endpoints.START)
    def start(self, request: StartRequest) -> RunStatus:
        self._require_seen(request.seen)
        self.announce(state="running")
        return self.status()

    @answers(endpoints.STOP)
    def stop(self, request: StopRequest) -> RunStatus:
        if self.slow and not self.stopping:
            self.announce(stopping=True)
        else:
            self.announce(state="stopped", stopping=False)
        return self.status()

    @answers(endpoints.SHUTDOWN)
    def shutdown(self) -> RunStatus:
        return self.status()

    def _require_seen(self, seen: str) -> None:
        if self.calls and seen != "d":
            raise NotReady("the user has not seen what this calls")

    @answers(endpoints.PLAN)
    def plan(self, request: PlanRequest) -> RunPlan:
        self._require_seen(request.seen)
        return self.planned

    @answers(endpoints.STUDY)
    def info(self) -> StudyInfo:
        return self.study

    @answers(endpoints.MANIFEST)
    def manifest(self) -> dict[str, Any]:
        return self.record

    @answers(endpoints.METRICS)
    def metric_tables(self, request: MetricsRequest) -> Metrics:
        self._need("the rewards are not scored yet")
        return self.metrics

    @answers(endpoints.PLOTS)
    def counted(self) -> Plots:
        self._need("the rewards are not scored yet")
        return self.plots

    @answers(endpoints.REJECTS)
    def rows_left_out(self) -> Rejects:
        return self.left_out

    @answers(endpoints.PAIRS)
    def pair_ids(self, query: PairQuery) -> Ids:
        self._need("the rewards are not scored yet")
        if self.many:
            return Ids(ids=tuple(range(self.many)), of=self.many)
        rows = [pair.row for pair in self.pairs.values()]
        rows.sort(key=lambda row: place(row, query.sort), reverse=query.descending)
        return Ids(ids=tuple(row.pair_id for row in rows), of=len(self.pairs))

    @answers(endpoints.PAIR_ROWS)
    def pair_rows(self, request: PairRowsRequest) -> list[PairRow]:
        return [self._pair_of(pair_id).row for pair_id in request.ids]

    @answers(endpoints.PAIR)
    def pair(self, request: PairRequest) -> PairDetail:
        return self._pair_of(request.id)

    @answers(endpoints.BLIND_ROWS)
    def blind_rows(self, request: PairRowsRequest) -> list[BlindRow]:
        return [fake_study.blind(self._pair_of(pair_id)).row for pair_id in request.ids]

    @answers(endpoints.BLIND_PAIR)
    def blind_pair(self, request: PairRequest) -> BlindPair:
        return fake_study.blind(self._pair_of(request.id))

    def _pair_of(self, pair_id: int) -> PairDetail:
        if not self.many:
            return self.pairs[pair_id]
        pair = self.pairs[pair_id % len(self.pairs)]
        row = msgspec.structs.replace(pair.row, pair_id=pair_id, source_id=f"row {pair_id}")
        return msgspec.structs.replace(pair, row=row)

    @answers(endpoints.REWRITES)
    def rewrite_ids(self, query: RewriteQuery) -> Ids:
        self._need("the rewrites are not scored yet")
        rows = [one.row for one in self.rewrites.values()]
        rows.sort(key=lambda row: row.margin_after - row.margin_before, reverse=query.descending)
        out = sum(row.left_out is not None for row in rows)
        ids = tuple(row.rewrite_id for row in rows)
        return Ids(ids=ids, of=len(self.rewrites), left_out=out)

    @answers(endpoints.REWRITE_ROWS)
    def rewrite_rows(self, request: RewriteRowsRequest) -> list[RewriteRow]:
        return [self.rewrites[one].row for one in request.ids]

    @answers(endpoints.REWRITE)
    def rewrite(self, request: RewriteRequest) -> RewriteDetail:
        return self.rewrites[request.id]

    @answers(endpoints.COMPLETE)
    def complete(self, request: CompleteRequest) -> list[Completion]:
        return list(self.completions)

    @answers(endpoints.SAVED_FILTERS)
    def saved_filters(self) -> list[SavedFilter]:
        return list(self.saved)

    @answers(endpoints.SAVE_FILTER)
    def save_filter(self, request: SaveFilter) -> list[SavedFilter]:
        return list(self.saved)

    @answers(endpoints.MARK)
    def mark(self, request: MarkRequest) -> MarksChanged:
        return MarksChanged(changed=len(request.pair_ids), summary="marked")

    @answers(endpoints.UNDO)
    def undo(self, request: UndoRequest) -> MarksChanged:
        return MarksChanged(changed=0, summary="nothing to undo")

    @answers(endpoints.REDO)
    def redo(self, request: RedoRequest) -> MarksChanged:
        return MarksChanged(changed=0, summary="nothing to redo")

    @answers(endpoints.MARK_LOG)
    def mark_log(self, request: LogRequest) -> list[MarkEvent]:
        return list(self.events)

    @answers(endpoints.MARK_PROGRESS)
    def mark_progress(self, request: ProgressRequest) -> MarkProgress:
        return MarkProgress(pairs=24, decided=7, flagged=1, verdicts={"keep": 5, "flip": 2})

    @answers(endpoints.AGREEMENT)
    def agreement(self) -> list[Agreement]:
        return list(self.agreements)

    @answers(endpoints.IMPORT_LEDGER)
    def import_ledger(self, request: LedgerFile) -> Imported:
        return Imported(applied=0, already_there=0, unknown=0, pairs=())

    @answers(endpoints.PREVIEW_EXPORT)
    def preview_export(self, request: ExportRequest) -> ExportPreview:
        return self.preview

    @answers(endpoints.EXPORT)
    def export(self, request: ExportRequest) -> ExportStatus:
        return self.export_status()

    @answers(endpoints.EXPORT_STATUS)
    def export_status(self) -> ExportStatus:
        return ExportStatus(state="idle", done=0, total=0, path="")

    @answers(endpoints.CANCEL_EXPORT)
    def cancel_export(self) -> ExportStatus:
        return self.export_status()

    def _need(self, missing: str) -> None:
        if not self.ready:
            raise NotReady(missing)


def place(row: PairRow, sort: str) -> float:
    value = getattr(row, sort, row.margin_post)
    return float("-inf") if value is None else float(value)
