"""The engine over HTTP. Bodies are the messages of `engine.wire.messages`, as JSON."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from engine.export.job import Busy
from engine.export.place import ExportError
from engine.filters import FilterError
from engine.service import CannotRun, Engine, NotReady
from engine.store import StoreError
from engine.store.database import Interrupted, Reading
from engine.store.errors import NotFound, Refused
from engine.study import StudyError
from engine.wire.messages import (
    AuthorRequest,
    CompleteRequest,
    ExportRequest,
    LedgerFile,
    MarkRequest,
    Message,
    PairQuery,
    PairRowsRequest,
    PlanRequest,
    Problem,
    ProgressRequest,
    RewriteQuery,
    RewriteRowsRequest,
    SaveFilter,
    StopRequest,
)

EVENTS_PER_SECOND = 10
HEARTBEAT_S = 15.0


class Activity:
    """Who is there, so that an engine nobody needs can leave."""

    def __init__(self) -> None:
        self.watchers = 0
        self.last = time.monotonic()

    def touch(self) -> None:
        self.last = time.monotonic()

    def idle_s(self) -> float:
        return 0.0 if self.watchers else time.monotonic() - self.last


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _problem(status: int, error: str) -> Response:
    return _json(Problem(error=error), status)


def create_app(engine: Engine, activity: Activity, shut_down: Callable[[], None]) -> Starlette:
    """The application; `shut_down` is called once when a client asks the engine to leave."""

    watching = anyio.CapacityLimiter(1_000)  # watchers wait long and must not keep others waiting

    def route(path: str, method: str, answer: Callable[[Request], Awaitable[Any]]) -> Route:
        async def endpoint(request: Request) -> Response:
            activity.touch()
            try:
                body = await answer(request)
            except NotFound as error:
                return _problem(404, str(error))
            except FilterError as error:
                said = Problem(error=str(error), start=error.start, end=error.end)
                return _json(said, 422)
            except (NotReady, Busy) as error:
                return _problem(409, str(error))
            except CannotRun as error:
                return _problem(422 if error.bad_input else 500, str(error))
            except (ExportError, Refused, msgspec.ValidationError, StudyError) as error:
                return _problem(422, str(error))
            except StoreError as error:
                return _problem(507, str(error))
            except Interrupted:
                return _problem(499, "nobody waits for this answer any more")
            except msgspec.DecodeError as error:
                return _problem(400, f"not valid JSON: {error}")
            return body if isinstance(body, Response) else _json(body)

        return Route(path, endpoint, methods=[method])

    async def read(request: Request, kind: type[Message]) -> Any:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)

    async def while_wanted(request: Request, work: Callable[[Reading], Any]) -> Any:
        """What `work` finds; its statement is stopped when the client goes away."""
        reading = engine.store.reading()

        async def stop_when_gone() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            reading.stop()

        watch = asyncio.create_task(stop_when_gone())
        try:
            return await run_in_threadpool(work, reading)
        finally:
            watch.cancel()

    async def status(request: Request) -> Any:
        return engine.status()

    async def run(request: Request) -> Any:
        return await run_in_threadpool(engine.start)

    async def stop(request: Request) -> Any:
        wanted = await read(request, StopRequest)
        return await run_in_threadpool(engine.stop, wanted.now)

    async def plan(request: Request) -> Any:
        return await run_in_threadpool(engine.plan, await read(request, PlanRequest))

    async def shutdown(request: Request) -> Any:
        shut_down()
        return engine.status()

    async def study(request: Request) -> Any:
        return await run_in_threadpool(engine.info)

    async def manifest(request: Request) -> Any:
        return await run_in_threadpool(engine.manifest)

    async def metrics(request: Request) -> Any:
        return await run_in_threadpool(engine.metrics, request.query_params.get("preset"))

    async def plots(request: Request) -> Any:
        return await run_in_threadpool(engine.plots)

    async def rejects(request: Request) -> Any:
        return await run_in_threadpool(engine.rejects)

    async def pairs(request: Request) -> Any:
        query = await read(request, PairQuery)
        return await while_wanted(request, lambda r: engine.browser().pair_ids(query, r))

    async def complete(request: Request) -> Any:
        wanted = await read(request, CompleteRequest)
        return await run_in_threadpool(lambda: engine.browser().complete(wanted))

    async def pair_rows(request: Request) -> Any:
        wanted = await read(request, PairRowsRequest)
        return await run_in_threadpool(
            lambda: engine.browser().pair_rows(wanted.ids, wanted.author)
        )

    async def pair(request: Request) -> Any:
        pair_id = request.path_params["id"]
        author = request.query_params.get("author", "")
        return await run_in_threadpool(lambda: engine.browser().pair(pair_id, author))

    async def rewrites(request: Request) -> Any:
        query = await read(request, RewriteQuery)
        return await while_wanted(request, lambda r: engine.browser().rewrite_ids(query, r))

    async def rewrite_rows(request: Request) -> Any:
        wanted = await read(request, RewriteRowsRequest)
        return await run_in_threadpool(lambda: engine.browser().rewrite_rows(wanted.ids))

    async def rewrite(request: Request) -> Any:
        rewrite_id = request.path_params["id"]
        return await run_in_threadpool(lambda: engine.browser().rewrite(rewrite_id))

    def body(kind: type[Message], answer: Callable[[Any], Any]) -> Callable[[Request], Any]:
        """Answers a message by what `answer` makes of it."""

        async def endpoint(request: Request) -> Any:
            return await run_in_threadpool(answer, await read(request, kind))

        return endpoint

    async def mark_log(request: Request) -> Any:
        limit = request.query_params.get("limit", "200")
        if not limit.isdecimal():
            raise Refused("limit must be a whole number")
        return await run_in_threadpool(engine.mark_log, int(limit[:9]))

    async def agreement(request: Request) -> Any:
        return await run_in_threadpool(engine.agreement)

    async def filters(request: Request) -> Any:
        return await run_in_threadpool(engine.saved_filters)

    async def export_status(request: Request) -> Any:
        return engine.exports.status()

    async def cancel_export(request: Request) -> Any:
        return await run_in_threadpool(engine.exports.cancel)

    async def events(request: Request) -> Any:
        return StreamingResponse(stream(), media_type="text/event-stream")

    async def stream() -> AsyncIterator[bytes]:
        activity.watchers += 1
        try:
            seen = -1
            while True:
                snapshot = engine.status()
                if snapshot.version != seen:
                    seen = snapshot.version
                    yield b"data: " + msgspec.json.encode(snapshot) + b"\n\n"
                    await asyncio.sleep(1 / EVENTS_PER_SECOND)
                elif not await anyio.to_thread.run_sync(
                    engine.progress.wait,
                    seen,
                    HEARTBEAT_S,
                    limiter=watching,
                    abandon_on_cancel=True,
                ):
                    yield b": still here\n\n"
        finally:
            activity.watchers -= 1
            activity.touch()

    async def crashed(request: Request, error: Exception) -> Response:
        # The traceback is in engine.log; dataset text may be in it, so none of it goes out.
        return _problem(500, f"the engine failed with {type(error).__name__}; see engine.log")

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _problem(error.status_code, f"{request.method} {request.url.path}: {error.detail}")

    return Starlette(
        routes=[
            route("/status", "GET", status),
            route("/events", "GET", events),
            route("/run", "POST", run),
            route("/stop", "POST", stop),
            route("/plan", "POST", plan),
            route("/shutdown", "POST", shutdown),
            route("/study", "GET", study),
            route("/manifest", "GET", manifest),
            route("/metrics", "GET", metrics),
            route("/plots", "GET", plots),
            route("/rejects", "GET", rejects),
            route("/pairs", "POST", pairs),
            route("/filters/complete", "POST", complete),
            route("/pairs/rows", "POST", pair_rows),
            route("/pairs/{id:int}", "GET", pair),
            route("/rewrites", "POST", rewrites),
            route("/rewrites/rows", "POST", rewrite_rows),
            route("/rewrites/{id:int}", "GET", rewrite),
            route("/marks", "POST", body(MarkRequest, engine.mark)),
            route("/marks/undo", "POST", body(AuthorRequest, engine.undo)),
            route("/marks/redo", "POST", body(AuthorRequest, engine.redo)),
            route("/marks/log", "GET", mark_log),
            route("/marks/progress", "POST", body(ProgressRequest, engine.mark_progress)),
            route("/marks/agreement", "GET", agreement),
            route("/filters", "GET", filters),
            route("/filters", "POST", body(SaveFilter, engine.save_filter)),
            route("/ledger/import", "POST", body(LedgerFile, engine.import_ledger_file)),
            route("/export/preview", "POST", body(ExportRequest, engine.preview_export)),
            route("/export", "POST", body(ExportRequest, engine.export)),
            route("/export", "GET", export_status),
            route("/export/cancel", "POST", cancel_export),
        ],
        exception_handlers={Exception: crashed, HTTPException: refused},
    )
