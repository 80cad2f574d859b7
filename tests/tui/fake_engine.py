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

from engine.messages import (
    Ids,
    Metrics,
    PairDetail,
    PairQuery,
    Problem,
    RewriteDetail,
    RewriteQuery,
    RowsRequest,
    RunPlan,
    RunStatus,
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
    """What the endpoints answer. Tests change it, and call `announce` after a change of status."""

    study: StudyInfo = fake_study.STUDY
    metrics: Metrics = fake_study.METRICS
    pairs: dict[int, PairDetail] = field(default_factory=fake_study.pairs)
    rewrites: dict[int, RewriteDetail] = field(default_factory=fake_study.rewrites)
    manifest: dict[str, Any] = field(default_factory=lambda: {"versions": {"engine": "0.1.0"}})
    plan: RunPlan = field(default_factory=lambda: RunPlan(stages=()))
    slow: bool = False
    stopping: bool = False
    ready: bool = True
    down: bool = False
    many: int = 0
    state: str = "done"
    stages: tuple[StageProgress, ...] = DONE_STAGES
    warnings: tuple[str, ...] = ("label agreement with gold is low for “honest” (κ 0.21)",)
    rejects: dict[str, int] = field(default_factory=lambda: {"no_assistant_turn": 2})
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
            counts={"pairs": len(self.pairs)},
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
            Route("/pairs", self._pairs, methods=["POST"]),
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

    async def _pairs(self, request: Request) -> Response:
        query = msgspec.json.decode(await request.body(), type=PairQuery)
        self.asked.append(("pairs", query))
        if not self.ready:
            return problem("the rewards are not scored yet", 409)
        if self.many:
            return answer(Ids(ids=tuple(range(self.many)), of=self.many))
        rows = [pair.row for pair in self.pairs.values() if keeps(pair, query)]
        rows.sort(key=lambda row: sort_key(row, query.sort), reverse=query.descending)
        return answer(Ids(ids=tuple(row.pair_id for row in rows), of=len(self.pairs)))

    async def _pair_rows(self, request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=RowsRequest)
        self.asked.append(("rows", asked.ids))
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
        rows = [
            one.row
            for one in self.rewrites.values()
            if query.strategy in (None, one.row.strategy)
            and query.change in (None, one.row.change)
            and query.pair_id in (None, one.row.pair_id)
        ]
        rows.sort(key=lambda row: row.margin_after - row.margin_before, reverse=query.descending)
        return answer(Ids(ids=tuple(row.rewrite_id for row in rows), of=len(self.rewrites)))

    async def _rewrite_rows(self, request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=RowsRequest)
        return answer([self.rewrites[one].row for one in asked.ids])

    async def _rewrite(self, request: Request) -> Response:
        return answer(self.rewrites[request.path_params["id"]])


def keeps(pair: PairDetail, query: PairQuery) -> bool:
    row = pair.row
    if query.regime not in (None, row.regime) or query.opinion not in (None, row.opinion):
        return False
    if query.feature is not None:
        sides = (pair.chosen.labels[query.feature], pair.rejected.labels[query.feature])
        if query.feature_side is None and sides[0] == sides[1]:
            return False
        if query.feature_side is not None and not sides[query.feature_side == "rejected"]:
            return False
    if query.text:
        texts = (pair.chosen.turns, pair.rejected.turns)
        joined = " ".join(turn.text for turns in texts for turn in turns).lower()
        return query.text.lower() in joined
    return True


def sort_key(row: Any, sort: str) -> float:
    if sort == "margin_change":
        return float(row.margin_post - row.margin_pre)
    value = getattr(row, sort)
    return float("-inf") if value is None else float(value)


def answer(message: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(message), status, media_type="application/json")


def problem(error: str, status: int) -> Response:
    return answer(Problem(error=error), status)
