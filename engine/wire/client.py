"""The client's side of the wire: two ways to send a call.

`EngineClient` sends calls from the event loop and `SyncEngineClient` from a command line. Both
speak HTTP over the engine's Unix socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote

import httpx
import msgspec

from engine.errors import Kind, MachineError, SealError
from engine.visible import one_line
from engine.wire.endpoints import EVENTS, Call
from engine.wire.messages import Problem, RunStatus

T = TypeVar("T")
_BASE = "http://engine"
# Metrics of a large study may take a while the first time; a dead socket fails at once anyway.
_TIMEOUT = httpx.Timeout(120.0, connect=5.0)
_ENDLESS = httpx.Timeout(None, connect=5.0)
_HEARD = httpx.Timeout(5.0)  # an engine says every second that it is there
# A Unix socket has no certificates to check, and reading those of the system takes 70 ms.
_NO_TLS = False
_RETRY_S = (0.2, 0.5, 1.0, 2.0)
SILENCE_S = 2.5  # an engine that has nothing to say says so every second


def new_session() -> str:
    """A name for one client, which no other has: undo is of a session."""
    return secrets.token_hex(8)


class EngineGone(MachineError):
    """Nobody answers on the socket, or the connection broke; the client may try again."""


class EngineSilent(MachineError):
    """The engine's event stream is open, but nothing comes: it is suspended, or very busy."""


class EngineProblem(SealError):
    """The engine answered, but not with what was asked. The message is one safe line; the kind is
    the engine's. `start` and `end` are the place in a filter that is wrong."""

    def __init__(
        self,
        error: str,
        kind: Kind = Kind.FAULT,
        start: int | None = None,
        end: int | None = None,
    ) -> None:
        super().__init__(one_line(error))
        self.kind = kind
        self.start = start
        self.end = end


@dataclass(frozen=True)
class Lost:
    """The event stream broke and the client goes on trying; or it is only `silent`: the engine is
    suspended, or very busy, or was not there yet."""

    reason: str
    silent: bool = False


# ---------------------------------------------------------------- shared by both ways


def _request(http: httpx.AsyncClient | httpx.Client, call: Call[Any]) -> httpx.Request:
    endpoint = call.endpoint
    if endpoint.method != "GET":
        body = msgspec.json.encode(call.request)
        headers = {"content-type": "application/json"}
        return http.build_request(endpoint.method, endpoint.path, content=body, headers=headers)
    fields = msgspec.to_builtins(call.request)
    path = endpoint.path
    for name in endpoint.in_path:
        path = path.replace(f"{{{name}}}", quote(str(fields.pop(name)), safe=""))
    return http.build_request(endpoint.method, path, params=fields)


def _decode(call: Call[T], response: httpx.Response) -> T:
    if response.is_error:
        raise _problem(response)
    try:
        return msgspec.json.decode(response.content, type=call.endpoint.answer)
    except msgspec.DecodeError as error:
        said = f"the engine's answer to {call.endpoint.path} cannot be decoded: {error}"
        raise EngineProblem(said) from None


def _problem(response: httpx.Response) -> EngineProblem:
    try:
        said = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        return EngineProblem(f"the engine answered {response.status_code}")
    return EngineProblem(said.error, said.kind, said.start, said.end)


def _failure(error: httpx.HTTPError) -> EngineGone | EngineProblem:
    if isinstance(error, httpx.ReadTimeout):
        return EngineProblem("the engine did not answer in time")
    return EngineGone(one_line(str(error) or type(error).__name__))


class _Stream:
    """Cuts the bytes of the event stream into statuses.

    httpx's own line iterator also cuts at U+2028 and other ends of line that may stand in JSON.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[RunStatus]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            # Blank lines and comments (heartbeats) hold no status.
            if not line.startswith(b"data:"):
                continue
            try:
                yield msgspec.json.decode(line[5:], type=EVENTS.answer)
            except msgspec.DecodeError as error:
                raise EngineProblem(f"the engine's events cannot be decoded: {error}") from None


# ---------------------------------------------------------------- from the event loop

TransportFactory = Callable[[], httpx.AsyncBaseTransport]


async def _in_thread(work: Callable[[], T]) -> T:
    """What `work` returns. Unlike a thread of asyncio, this one keeps no program from ending: to
    find an engine may take half a minute."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(error: Exception | None, result: T | None) -> None:
        if future.done():
            return  # nobody waits any more
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast(T, result))

    def run() -> None:
        error, result = None, None
        try:
            result = work()
        except Exception as failure:
            error = failure
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, error, result)

    threading.Thread(target=run, name="connect", daemon=True).start()
    return await future


class EngineClient:
    """Asks the engine from the event loop.

    `transport` is called for every new connection pool, so that a replaced engine (with another
    socket) is found again after a loss. It may take its time (it runs in a thread) and raise
    what it likes: any failure to find the engine is `EngineGone`.
    """

    def __init__(self, transport: TransportFactory) -> None:
        self._transport = transport
        self._http: httpx.AsyncClient | None = None
        self._connecting = asyncio.Lock()

    @classmethod
    def at(cls, socket: Path | Callable[[], Path]) -> Self:
        """A client of the engine on this Unix socket, or on the one that `socket` names."""

        def transport() -> httpx.AsyncBaseTransport:
            path = socket() if callable(socket) else socket
            return httpx.AsyncHTTPTransport(uds=str(path), verify=_NO_TLS)

        return cls(transport)

    async def _connected(self) -> httpx.AsyncClient:
        async with self._connecting:
            if self._http is None:
                try:
                    transport = await _in_thread(self._transport)
                except Exception as error:
                    raise EngineGone(one_line(str(error)) or type(error).__name__) from None
                self._http = httpx.AsyncClient(
                    transport=transport, base_url=_BASE, timeout=_TIMEOUT
                )
            return self._http

    async def close(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def ask(self, call: Call[T]) -> T:
        """Sends one call. Raises `EngineGone` or `EngineProblem`, nothing else."""
        http = await self._connected()
        try:
            response = await http.send(_request(http, call))
        except httpx.HTTPError as error:
            raise _failure(error) from None
        return _decode(call, response)

    async def _stream(self) -> AsyncGenerator[RunStatus | None, None]:
        """Every status, and None for every other sign of life."""
        http = await self._connected()
        try:
            async with http.stream("GET", EVENTS.path, timeout=_ENDLESS) as response:
                if response.is_error:
                    await response.aread()
                    raise _problem(response)
                stream = _Stream()
                async for chunk in response.aiter_bytes():
                    statuses = list(stream.feed(chunk))
                    for status in statuses or (None,):
                        yield status
        except httpx.HTTPError as error:
            raise _failure(error) from None

    async def events(self) -> AsyncIterator[RunStatus | Lost]:
        """Every change of the run, for ever. A `Lost` says that the engine went away or does not
        answer; after it the stream goes on by itself once an engine answers again."""
        failures = 0
        while True:
            reason = "the engine closed the connection"
            try:
                async with (
                    contextlib.aclosing(self._stream()) as stream,
                    contextlib.aclosing(_with_silences(stream)) as heard,
                ):
                    async for event in heard:
                        failures = failures if isinstance(event, Lost) else 0
                        yield event
            except (EngineGone, EngineProblem) as error:
                reason = str(error)
            yield Lost(reason)
            await self.close()
            await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
            failures += 1


async def _with_silences(
    stream: AsyncGenerator[RunStatus | None, None],
) -> AsyncGenerator[RunStatus | Lost, None]:
    """The statuses, a Lost when nothing came for a while, and after it the last status again."""
    last: RunStatus | None = None
    silent = False
    waiting: asyncio.Future[RunStatus | None] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(stream))
            if not (await asyncio.wait({waiting}, timeout=SILENCE_S))[0]:
                if not silent:
                    silent = True
                    yield Lost("no answer so far", silent=True)
                continue
            done, waiting = waiting, None
            try:
                status = done.result()
            except StopAsyncIteration:
                return
            last = status or last
            if last is not None and (silent or status is not None):
                silent = False
                yield last
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.wait({waiting})


# ---------------------------------------------------------------- from a command line


class SyncEngineClient:
    """Asks the engine from a program without an event loop."""

    def __init__(
        self,
        transport: httpx.BaseTransport,
        again: Callable[[], httpx.BaseTransport] | None = None,
    ) -> None:
        """`again` is called once if nobody answers the first request."""
        self._http = httpx.Client(transport=transport, base_url=_BASE, timeout=_TIMEOUT)
        self._again = again

    @classmethod
    def at(cls, socket: Path | Callable[[], Path]) -> Self:
        """A client of the engine on this Unix socket, or on the one that `socket` names: it is
        asked once more if that engine was dying and does not answer the first request."""
        if not callable(socket):
            return cls(httpx.HTTPTransport(uds=str(socket), verify=_NO_TLS))

        def transport() -> httpx.BaseTransport:
            return httpx.HTTPTransport(uds=str(socket()), verify=_NO_TLS)

        return cls(transport(), transport)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, call: Call[T]) -> T:
        """Sends one call. Raises `EngineGone` or `EngineProblem`, nothing else, and at the
        first request what looking for the engine again may raise."""
        again, self._again = self._again, None
        try:
            response = self._http.send(_request(self._http, call))
        except httpx.HTTPError as error:
            failure = _failure(error)
            if again is None or isinstance(failure, EngineProblem):
                raise failure from None
            self.close()
            self._http = httpx.Client(transport=again(), base_url=_BASE, timeout=_TIMEOUT)
            return self.ask(call)
        return _decode(call, response)

    def events(self) -> Iterator[RunStatus]:
        """Every change of the run until the connection ends (`EngineGone`) or the engine is silent
        (`EngineSilent`)."""
        try:
            with self._http.stream("GET", EVENTS.path, timeout=_HEARD) as response:
                if response.is_error:
                    response.read()
                    raise _problem(response)
                stream = _Stream()
                for chunk in response.iter_bytes():
                    yield from stream.feed(chunk)
        except httpx.ReadTimeout:
            raise EngineSilent("the engine does not answer") from None
        except httpx.HTTPError as error:
            raise _failure(error) from None
        raise EngineGone("the engine closed the connection")
