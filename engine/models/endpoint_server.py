"""One OpenAI-compatible server: requests, retries, and error messages for users.

The key is kept in one header of one client. It never appears in a message, exception or repr, and
is sent only to the address in the study file: redirects are not followed.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from engine.errors import BadInput, MachineError
from engine.models.endpoint_prompts import BadReply
from engine.models.endpoint_wire import Reply, completion, error_details, model_names, retry_after

RETRIED = {408, 409, 425, 429}
MAX_BYTES = 4 << 20
CONNECT_S = 10.0
PROBE_S = 30.0
SILENT_ATTEMPTS = 4

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Refused(MachineError):
    """The server rejected the request; retrying would not help."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class TextRefused(Exception):
    """The server rejected this text only; others may succeed. The message says why."""


class _Transient(Exception):
    """Worth retrying, after `after_s` seconds if the server asked for that."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


@dataclass(frozen=True)
class Patience:
    """How many attempts to make and how long to wait; tests inject their own clock and sleep."""

    attempts: int = 8
    longest_s: float = 60.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.time


@dataclass(frozen=True)
class Probe:
    """The result of `ChatServer.probe`. None means unknown. `problem` is None if all is well."""

    reachable: bool
    key_accepted: bool | None = None
    model_listed: bool | None = None
    problem: str | None = None


Chat = Callable[[dict[str, Any]], Awaitable[Reply]]


class ChatServer:
    """A base address, a model and a key. Runs its own event loop: call it from synchronous code."""

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key_env: str | None,
        concurrency: int = 8,
        timeout_s: float = 120.0,
        patience: Patience | None = None,
    ) -> None:
        self.address = _address(base_url)
        self.model = model
        self.api_key_env = api_key_env
        self.concurrency = concurrency
        self.timeout_s = timeout_s
        self.patience = patience or Patience()
        self._key = _key(api_key_env)
        self._tls = httpx.create_ssl_context()
        self._backoff = wait_random_exponential(
            multiplier=1, min=0.5, max=min(30.0, self.patience.longest_s)
        )

    def each(
        self,
        items: Sequence[Item],
        work: Callable[[Chat, Item], Awaitable[Answer]],
        heard: Callable[[int, Answer], None],
    ) -> list[Answer]:
        """Call `work` on every item, at most `concurrency` at a time; the answers in item order.
        `heard` gets each as it comes.

        The first error cancels the rest and is raised.
        """

        async def run() -> list[Answer]:
            gate = asyncio.Semaphore(self.concurrency)
            async with self._client() as http:
                chat = partial(self._chat, http)

                async def one(at: int, item: Item) -> Answer:
                    async with gate:
                        answer = await work(chat, item)
                    heard(at, answer)
                    return answer

                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(one(*entry)) for entry in enumerate(items)]
            return [task.result() for task in tasks]

        if not items:
            return []
        try:
            return asyncio.run(run())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    def probe(self) -> Probe:
        """Check once, without retries, that the server answers, accepts the key and has the
        model."""
        return asyncio.run(self._probe())

    async def _probe(self) -> Probe:
        limit = min(self.timeout_s, PROBE_S)
        models: list[str] | None = None
        listed: bool | None = None
        async with self._client() as http:
            try:
                try:
                    models = model_names(await self._exchange(http, limit, "GET", "/models"))
                except Refused as error:
                    if error.status in (401, 403):
                        return Probe(True, False, None, str(error))
                    # Not every server has a list; the model itself is tried next.
                if models is not None:
                    listed = self.model in models
                # The list may be public: only a completion proves that key and model work.
                hello = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
                await self._complete(http, limit, hello)
            except _Transient as error:
                return Probe(False, None, None, f"{self.address}: {error}; is the server up?")
            except Refused as error:
                listing = f" (it lists {', '.join(models[:5])})" if models and not listed else ""
                key_good = error.status not in (401, 403)
                return Probe(True, key_good, listed, self._clean(f"{error}{listing}", 500))
            except (BadReply, TextRefused) as error:
                return Probe(True, True, listed, f"{self.address}: {error}")
        return Probe(True, True, listed)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            verify=self._tls,
            follow_redirects=False,
            # `_exchange` limits the whole exchange: with a limit per read, a server that sends a
            # byte now and then could keep a request open forever.
            timeout=httpx.Timeout(None, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=self.concurrency),
        )

    async def _chat(self, http: httpx.AsyncClient, request: dict[str, Any]) -> Reply:
        """One completion, with retries. Raises MachineError, TextRefused or BadReply."""
        attempts = 0

        async def attempt(*arguments: Any) -> Reply:
            nonlocal attempts
            attempts += 1
            return await self._complete(*arguments)

        retrying = AsyncRetrying(
            sleep=self.patience.sleep,
            # A server that is silent each time is given up sooner than one that says it is busy,
            # and before the limit of a batch, whose texts are not to blame.
            stop=stop_after_attempt(self.patience.attempts)
            | stop_after_delay(SILENT_ATTEMPTS * self.timeout_s),
            wait=self._wait,
            retry=retry_if_exception_type(_Transient),
            reraise=True,
        )
        try:
            reply: Reply = await retrying(attempt, http, self.timeout_s, request)
            return reply
        except _Transient as error:
            raise MachineError(
                f"{self.address}: {error}, {attempts} attempts; is the server up, "
                "and is base_url right (it usually ends in /v1)?"
            ) from None

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        delay = error.after_s if isinstance(error, _Transient) else None
        if delay is None:
            return self._backoff(state)
        # Add jitter, or all requests that got the same delay would retry at once.
        return min(delay, self.patience.longest_s) + random.uniform(0, 1)

    async def _complete(
        self, http: httpx.AsyncClient, limit_s: float, request: dict[str, Any]
    ) -> Reply:
        body = {"model": self.model, **request}
        reply = completion(await self._exchange(http, limit_s, "POST", "/chat/completions", body))
        if reply is None:
            raise _Transient("a response that is not a chat completion")
        return reply

    async def _exchange(
        self,
        http: httpx.AsyncClient,
        limit_s: float,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
    ) -> bytes:
        """Make one request; returns the content of a successful response."""
        try:
            async with asyncio.timeout(limit_s):
                async with http.stream(method, self.address + path, json=body) as response:
                    content = bytearray()
                    async for chunk in response.aiter_bytes():
                        content += chunk
                        if len(content) > MAX_BYTES:
                            break
        except TimeoutError:
            raise _Transient(f"no answer within {limit_s:g} s") from None
        except httpx.RequestError as error:
            details = self._clean(str(error)) or type(error).__name__
            raise _Transient(f"the connection failed ({details})") from None
        if not response.is_success:
            raise self._error(response.status_code, response.headers, bytes(content))
        if len(content) > MAX_BYTES:
            raise BadReply(f"longer than {MAX_BYTES >> 20} MiB")
        if self._key:  # replies are stored, and some servers echo what they were sent
            content = content.replace(self._key.encode(), b"[key]")
        return bytes(content)

    def _error(self, status: int, headers: Mapping[str, str], content: bytes) -> Exception:
        """The exception for an unsuccessful response."""
        code, message = error_details(content)
        low = message.lower()
        if status in RETRIED or status >= 500:
            after_s = retry_after(headers.get("retry-after"), self.patience.clock())
            return _Transient(f"HTTP {status}", after_s)
        if status < 400:
            problem = (
                f"HTTP {status}: redirects are not followed; put the final address into base_url"
            )
        elif status in (401, 403):  # the body is left out: some servers repeat the key in it
            problem = f"HTTP {status}: " + (
                f"the server rejects the key in ${self.api_key_env}; is it the right key, and "
                f"may it use {self.model}?"
                if self._key
                else "the server requires a key; name the variable that holds it in api_key_env"
            )
        elif code == "model_not_found" or (status == 404 and "model" in low):
            problem = f"the server has no model {self.model}; name one that it serves"
        elif status == 404:
            problem = "HTTP 404: no chat completions at this address; base_url usually ends in /v1"
        elif status == 413 or "context length" in low or "context size" in low:
            return TextRefused("too long for the model at the endpoint")
        elif code == "content_filter":
            return TextRefused("refused by the endpoint's content filter")
        else:
            reason = message or "no reason given"
            problem = f"HTTP {status}: the server rejects the request ({reason})"
        return Refused(status, self._clean(f"{self.address}: {problem}", 400))

    def _clean(self, text: str, limit: int = 160) -> str:
        """Untrusted text for a message: one short printable line, without the key."""
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        if self._key:
            line = line.replace(self._key, "[key]")
        return line if len(line) <= limit else line[: limit - 1] + "…"


def _address(base_url: str) -> str:
    try:
        url = httpx.URL(base_url.strip())
        # The address is shown in errors and logs, so it must not carry a password or a key.
        plain = url.scheme in ("http", "https") and url.host and not (url.userinfo or url.query)
    except (httpx.InvalidURL, UnicodeError):
        plain = False
    if not plain:
        raise BadInput(
            "base_url must be a plain address such as http://localhost:8000/v1; a key belongs "
            "into the variable that api_key_env names"
        )
    return str(url.copy_with(fragment=None)).rstrip("/")


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise BadInput(f"api_key_env: the variable {variable} is not set; export it with the key")
    # The HTTP library would name the header, key and all, in its own error.
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise BadInput(
            f"api_key_env: the value of {variable} is not a key: only plain ASCII is allowed"
        )
    return key
