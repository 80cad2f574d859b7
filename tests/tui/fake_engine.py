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

from engine.wire.messages import (
    Agreement,
    Completion,
    ExportPreview,
    Ids,
    MarkEvent,
    MarkProgress,
    Metrics,
    PairDetail,
    PairQuery,
    PairRow,
    PairRowsRequest,
    Plots,
    Problem,
    Rejects,
    RewriteDetail,
    RewriteQuery,
    RewriteRowsRequest,
    RunPlan,
    RunStatus,
    SavedFilter,
    StageProgress,
    StopRequest,
    StudyInfo,
)

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
    manifest: dict[str, Any] = field(default_factory=lambda: {"versions": {"engine": "0.1.0"}})
    plan: RunPlan = field(default_factory=lambda: RunPlan(stages=()))
    slow: bool = False
    stopping: bool = False
    ready: bool = True
    down: bool = False
    many: int = 0
    held: asyncio.Event | None = None
    state: str = "done"
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
    asked: list[tuple[str, Any]] = field(default_factory=list)
    streams: set[asyncio.Queue[RunStatus | None]] = field(default_factory=set)

    # ---------------------------------------------------------- what tests do to it

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
            stopping=self.stopping,
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

    def queries(self, kind: str) -> list[Any]:
        return [body for name, body in self.asked if name == kind]

    # ---------------------------------------------------------- the app

    def app(self) -> Any:
        routes = [
            Route("/status", self._status),
            Route("/events", self._events),
            Route("/run", self._run, methods=["POST"]),
            Route("/stop", self._stop, methods=["POST"]),
            Route("/plan", self._plan, methods=["POST"]),
            Route("/shutdown", self._status, methods=["POST"]),
            Route("/study", self._study),
            Route("/manifest", self._manifest),
            Route("/metrics", self._metrics),
            Route("/plots", self._plots),
            Route("/rejects", self._rejects),
            Route("/pairs", self._pairs, methods=["POST"]),
            Route("/filters/complete", self._complete, methods=["POST"]),
            Route("/marks/progress", self._mark_progress, methods=["POST"]),
            Route("/filters", self._saved),
            Route("/marks/log", self._log),
            Route("/marks/agreement", self._agreement),
            Route("/export/preview", self._preview, methods=["POST"]),
            Route("/pairs/rows", self._pair_rows, methods=["POST"]),
            Route("/pairs/{id:int}", self._pair),
            Route("/rewrites", self._rewrites, methods=["POST"]),
            Route("/rewrites/rows", self._rewrite_rows, methods=["POST"]),
            Route("/rewrites/{id:int}", self._rewrite),
        ]
        return self._refusing(Starlette(routes=routes))

    def _refusing(self, app: Any) -> Callable[..., Any]:
        async def refuse(scope: Any, receive: Any, send: Any) -> None:
            if self.down:
                raise ConnectionRefusedError("connection refused")
            await app(scope, receive, send)

        return refuse

    async def _status(self, request: Request) -> Response:
        return answer(self.status())

    async def _run(self, request: Request) -> Response:
        self.asked.append(("run", None))
        self.announce(state="running")
        return answer(self.status())

    async def _stop(self, request: Request) -> Response:
        self.asked.append(("stop", msgspec.json.decode(await request.body(), type=StopRequest)))
        if self.slow and not self.stopping:
            self.announce(stopping=True)
        else:
            self.announce(state="stopped", stopping=False)
        return answer(self.status())

    async def _plan(self, request: Request) -> Response:
        return answer(self.plan)

    async def _events(self, request: Request) -> Response:
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[RunStatus | None] = asyncio.Queue()
        self.streams.add(queue)
        try:
            status: RunStatus | None = self.status()
            while status is not None:
                yield b"data: " + msgspec.json.encode(status) + b"\n\n"
                status = await queue.get()
        finally:
            self.streams.discard(queue)

    async def _study(self, request: Request) -> Response:
        return answer(self.study)

    async def _manifest(self, request: Request) -> Response:
        return answer(self.manifest)

    async def _metrics(self, request: Request) -> Response:
        if not self.ready:
            return problem("the rewards are not scored yet", 409)
        self.asked.append(("metrics", request.query_params.get("preset")))
        return answer(self.metrics)

    async def _plots(self, request: Request) -> Response:
        if not self.ready:
            return problem("the rewards are not scored yet", 409)
        return answer(self.plots)

    async def _rejects(self, request: Request) -> Response:
        return answer(self.left_out)

    async def _pairs(self, request: Request) -> Response:
        query = msgspec.json.decode(await request.body(), type=PairQuery)
        self.asked.append(("pairs", query))
        if self.held is not None:
            await self.held.wait()
        if not self.ready:
            return problem("the rewards are not scored yet", 409)
        if self.many:
            return answer(Ids(ids=tuple(range(self.many)), of=self.many))
        rows = [pair.row for pair in self.pairs.values()]
        rows.sort(key=lambda row: place(row, query.sort), reverse=query.descending)
        return answer(Ids(ids=tuple(row.pair_id for row in rows), of=len(self.pairs)))

    async def _complete(self, request: Request) -> Response:
        return answer(self.completions)

    async def _preview(self, request: Request) -> Response:
        return answer(self.preview)

    async def _saved(self, request: Request) -> Response:
        return answer(self.saved)

    async def _log(self, request: Request) -> Response:
        return answer(self.events)

    async def _agreement(self, request: Request) -> Response:
        return answer(self.agreements)

    async def _mark_progress(self, request: Request) -> Response:
        verdicts = {"keep": 5, "flip": 2}
        return answer(MarkProgress(pairs=24, decided=7, flagged=1, verdicts=verdicts))

    async def _pair_rows(self, request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=PairRowsRequest)
        self.asked.append(("rows", asked.ids))
        if self.held is not None:
            await self.held.wait()
        return answer([self._pair_of(pair_id).row for pair_id in asked.ids])

    async def _pair(self, request: Request) -> Response:
        self.asked.append(("pair", request.path_params["id"]))
        return answer(self._pair_of(request.path_params["id"]))

    def _pair_of(self, pair_id: int) -> PairDetail:
        if not self.many:
            return self.pairs[pair_id]
        pair = self.pairs[pair_id % len(self.pairs)]
        row = msgspec.structs.replace(pair.row, pair_id=pair_id, source_id=f"row {pair_id}")
        return msgspec.structs.replace(pair, row=row)

    async def _rewrites(self, request: Request) -> Response:
        query = msgspec.json.decode(await request.body(), type=RewriteQuery)
        self.asked.append(("rewrites", query))
        if not self.ready:
            return problem("the rewrites are not scored yet", 409)
        rows = [one.row for one in self.rewrites.values()]
        rows.sort(key=lambda row: row.margin_after - row.margin_before, reverse=query.descending)
        return answer(Ids(ids=tuple(row.rewrite_id for row in rows), of=len(self.rewrites)))

    async def _rewrite_rows(self, request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=RewriteRowsRequest)
        return answer([self.rewrites[one].row for one in asked.ids])

    async def _rewrite(self, request: Request) -> Response:
        return answer(self.rewrites[request.path_params["id"]])


def place(row: PairRow, sort: str) -> float:
    value = getattr(row, sort, row.margin_post)
    return float("-inf") if value is None else float(value)


def answer(message: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(message), status, media_type="application/json")


def problem(error: str, status: int) -> Response:
    return answer(Problem(error=error), status)
