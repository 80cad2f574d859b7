"""The engine over HTTP: each row of the table of endpoints, answered by a method of the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Protocol

import anyio
import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from engine.errors import (
    BadInput,
    FilterError,
    Interrupted,
    NotFound,
    NotReady,
    SealError,
    expected,
    unexpected,
)
from engine.wire.answering import methods
from engine.wire.endpoints import EVENTS, Endpoint
from engine.wire.messages import Message, Nothing, Problem, RunStatus
from engine.wire.requests import asked

EVENTS_PER_SECOND = 10
HEARTBEAT_S = 1.0
# One decision on all of 160,800 pairs names them in 1.1 MB.
BODY_LIMIT = 8 * 2**20
BODY_LIMIT_S = 60.0


class _Number(Convertor[str]):
    """Digits, in a number that Python converts."""

    regex = "[0-9]{1,100}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("number", _Number())


class Stoppable(Protocol):
    """A reader whose statement another thread may stop."""

    def stop(self) -> None: ...


class Readers(Protocol):
    def reading(self) -> Stoppable: ...


class Changes(Protocol):
    def wait(self, seen: int, timeout: float) -> bool:
        """Sleep until the version is not `seen`; False when nothing changed in time."""


class Served(Protocol):
    """What is served: beside this, a method for every endpoint (see `answering`)."""

    @property
    def store(self) -> Readers: ...
    @property
    def progress(self) -> Changes: ...
    def status(self) -> RunStatus: ...


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


def _problem(error: SealError, status: int | None = None) -> Response:
    place = (error.start, error.end) if isinstance(error, FilterError) else (None, None)
    body = Problem(error=str(error), kind=error.kind, start=place[0], end=place[1])
    return _json(body, error.kind.http_status if status is None else status)


def create_app(engine: Served, activity: Activity) -> Starlette:
    """The application: every endpoint of the table, answered by a method of `engine`."""
    # Else writers, who wait for each other, would take all threads, and readers wait for them.
    writing = anyio.CapacityLimiter(1)
    routes = [
        _route(engine, activity, endpoint, method, writing)
        for endpoint, method in methods(type(engine)).items()
    ]
    routes.append(Route(EVENTS.path, _events(engine, activity)))
    return Starlette(
        routes=routes, exception_handlers={Exception: _crashed, HTTPException: _refused}
    )


def _route(
    engine: Served,
    activity: Activity,
    endpoint: Endpoint[Any, Any],
    method: str,
    writing: anyio.CapacityLimiter,
) -> Route:
    async def respond(request: Request) -> Response:
        activity.touch()
        body = await _body(request)
        if isinstance(body, Response):
            return body
        try:
            wanted = asked(endpoint, request.path_params, request.query_params, body)
            return _json(await _answer(engine, request, endpoint, method, wanted, writing))
        except Exception as error:
            return _failure(error)

    path = endpoint.path
    for name in endpoint.in_path:
        path = path.replace(f"{{{name}}}", f"{{{name}:number}}")
    return Route(path, respond, methods=[endpoint.method])


async def _body(request: Request) -> bytes | Response:
    """The body, or the refusal of one that is too large or too slow."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_LIMIT_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > BODY_LIMIT:
                    said = f"a request has at most {BODY_LIMIT >> 20} MB: ask for less at once"
                    return _problem(BadInput(said), 413)
                chunks.append(chunk)
    except TimeoutError:
        said = f"the request was not here whole after {BODY_LIMIT_S:.0f} s: send it again"
        return _problem(BadInput(said), 408)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    return b"".join(chunks)


async def _answer(
    engine: Served,
    request: Request,
    endpoint: Endpoint[Any, Any],
    method: str,
    wanted: Message,
    writing: anyio.CapacityLimiter,
) -> Any:
    work: Callable[..., Any] = getattr(engine, method)
    if endpoint.request is not Nothing:
        work = partial(work, wanted)
    if endpoint.interruptible:
        return await _while_connected(request, engine.store.reading(), work)
    if endpoint.writes:
        return await anyio.to_thread.run_sync(work, limiter=writing)
    return work() if endpoint.at_once else await run_in_threadpool(work)


async def _while_connected(request: Request, reading: Stoppable, work: Callable[..., Any]) -> Any:
    """What `work` returns; its statement is stopped when the client goes away."""

    async def stop_when_gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        reading.stop()

    watch = asyncio.create_task(stop_when_gone())
    try:
        return await run_in_threadpool(work, reading)
    finally:
        watch.cancel()


def _failure(error: Exception) -> Response:
    """The answer to a request that failed as was to be expected. Raises any other error again."""
    if (known := expected(error)) is not None:
        return _problem(known)
    if isinstance(error, Interrupted):
        return _problem(NotReady("nobody waits for this answer any more"), 499)
    raise error


def _events(engine: Served, activity: Activity) -> Callable[[Request], Awaitable[Response]]:
    watching = anyio.CapacityLimiter(1_000)  # watchers wait long and must not keep others waiting

    async def stream() -> AsyncIterator[bytes]:
        activity.watchers += 1
        try:
            seen, waited = -1, False
            while True:
                snapshot = engine.status()
                waits = any(stage.waits_for for stage in snapshot.stages)
                if snapshot.version != seen or waits or waited:  # seconds go by, and end
                    seen, waited = snapshot.version, waits
                    yield _event(snapshot)
                    await asyncio.sleep(1 / EVENTS_PER_SECOND)
                if not await anyio.to_thread.run_sync(
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

    async def respond(request: Request) -> Response:
        activity.touch()
        return StreamingResponse(stream(), media_type="text/event-stream")

    return respond


def _event(status: RunStatus) -> bytes:
    return b"data: " + msgspec.json.encode(status) + b"\n\n"


async def _crashed(request: Request, error: Exception) -> Response:
    # The traceback is in engine.log; dataset text may be in it, so none of it goes out.
    return _problem(unexpected(error, "engine.log"))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = NotFound if error.status_code == 404 else BadInput
    return _problem(
        kind(f"{request.method} {request.url.path[:200]}: {error.detail}"), error.status_code
    )
