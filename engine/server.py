"""The engine over HTTP. Bodies are the messages of `engine.messages`, as JSON."""

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

from engine.messages import (
    Message,
    PairQuery,
    Problem,
    RewriteQuery,
    RowsRequest,
    StopRequest,
)
from engine.service import Engine, NotReady, Refused
from engine.store import StoreError
from engine.store.browse import NotFound
from engine.study import StudyError

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
            except NotReady as error:
                return _problem(409, str(error))
            except Refused as error:
                return _problem(422 if error.bad_input else 500, str(error))
            except (msgspec.ValidationError, StudyError) as error:
                return _problem(422, str(error))
            except StoreError as error:
                return _problem(507, str(error))
            except msgspec.DecodeError as error:
                return _problem(400, f"not valid JSON: {error}")
            return body if isinstance(body, Response) else _json(body)

        return Route(path, endpoint, methods=[method])

    async def read(request: Request, kind: type[Message]) -> Any:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)

    async def status(request: Request) -> Any:
        return engine.status()

    async def run(request: Request) -> Any:
        return await run_in_threadpool(engine.start)

    async def stop(request: Request) -> Any:
        wanted = await read(request, StopRequest)
        return await run_in_threadpool(engine.stop, wanted.now)

    async def plan(request: Request) -> Any:
        return await run_in_threadpool(engine.plan, await request.body())

    async def shutdown(request: Request) -> Any:
        shut_down()
        return engine.status()

    async def study(request: Request) -> Any:
        return await run_in_threadpool(engine.info)

    async def manifest(request: Request) -> Any:
        return await run_in_threadpool(engine.manifest)

    async def metrics(request: Request) -> Any:
        return await run_in_threadpool(engine.metrics, request.query_params.get("preset"))

    async def pairs(request: Request) -> Any:
        query = await read(request, PairQuery)
        return await run_in_threadpool(lambda: engine.browser().pair_ids(query))

    async def pair_rows(request: Request) -> Any:
        wanted = await read(request, RowsRequest)
        return await run_in_threadpool(lambda: engine.browser().pair_rows(wanted.ids))

    async def pair(request: Request) -> Any:
        pair_id = request.path_params["id"]
        return await run_in_threadpool(lambda: engine.browser().pair(pair_id))

    async def rewrites(request: Request) -> Any:
        query = await read(request, RewriteQuery)
        return await run_in_threadpool(lambda: engine.browser().rewrite_ids(query))

    async def rewrite_rows(request: Request) -> Any:
        wanted = await read(request, RowsRequest)
        return await run_in_threadpool(lambda: engine.browser().rewrite_rows(wanted.ids))

    async def rewrite(request: Request) -> Any:
        rewrite_id = request.path_params["id"]
        return await run_in_threadpool(lambda: engine.browser().rewrite(rewrite_id))

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
            route("/pairs", "POST", pairs),
            route("/pairs/rows", "POST", pair_rows),
            route("/pairs/{id:int}", "GET", pair),
            route("/rewrites", "POST", rewrites),
            route("/rewrites/rows", "POST", rewrite_rows),
            route("/rewrites/{id:int}", "GET", rewrite),
        ],
        exception_handlers={Exception: crashed, HTTPException: refused},
    )
