"""One OpenAI-compatible server: requests, retries, and its faults in words for a person.

The key lives in one header of one client. It is in no message, no exception and no repr, and it
is never sent anywhere but to the address of the study file: redirects are not followed.
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
    wait_random_exponential,
)

from engine.errors import BadInput, MachineError
from engine.models.endpoint_prompts import BadReply
from engine.models.endpoint_wire import Reply, completion, error_words, model_names, retry_after

RETRIED = {408, 409, 425, 429}
MAX_BYTES = 4 << 20
CONNECT_S = 10.0
PROBE_S = 30.0

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Refused(MachineError):
    """The server answered, and the answer will not change by asking again."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class TextRefused(Exception):
    """The server will not take this one text; others may pass. The message says why."""


class _Transient(Exception):
    """Worth another attempt, after so many seconds where the server said so."""

    def __init__(self, why: str, after_s: float | None = None) -> None:
        super().__init__(why)
        self.after_s = after_s


@dataclass(frozen=True)
class Patience:
    """How often and how long to wait for a server; tests put in their own clock and sleep."""

    attempts: int = 8
    longest_s: float = 60.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.time


@dataclass(frozen=True)
class Probe:
    """What `doctor` shows. None: could not be found out. `problem` is None when all is well."""

    reachable: bool
    key_accepted: bool | None = None
    model_listed: bool | None = None
    problem: str | None = None


Chat = Callable[[dict[str, Any]], Awaitable[Reply]]


class ChatServer:
    """A base address, a model and a key. Runs its own event loop: call it from plain code."""

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
        self, items: Sequence[Item], work: Callable[[Chat, Item], Awaitable[Answer]]
    ) -> list[Answer]:
        """`work` on every item, so many at a time; the answers in the order of the items.

        The first error stops the rest and is raised.
        """

        async def run() -> list[Answer]:
            gate = asyncio.Semaphore(self.concurrency)
            async with self._client() as http:
                chat = partial(self._chat, http)

                async def one(item: Item) -> Answer:
                    async with gate:
                        return await work(chat, item)

                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(one(item)) for item in items]
            return [task.result() for task in tasks]

        if not items:
            return []
        try:
            return asyncio.run(run())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    def probe(self) -> Probe:
        """Ask once, without retries: is it there, is the key good, does it have the model?"""
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
                    # Not every server has a list; the model itself is asked next.
                if models is not None:
                    listed = self.model in models
                # The list may be open to anyone: only an answer proves the key and the model.
                hello = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
                await self._complete(http, limit, hello)
            except _Transient as error:
                return Probe(False, None, None, f"{self.address}: {error}; is the server up?")
            except Refused as error:
                told = f" (it lists {', '.join(models[:5])})" if models and not listed else ""
                key_good = error.status not in (401, 403)
                return Probe(True, key_good, listed, self._clean(f"{error}{told}", 500))
            except (BadReply, TextRefused) as error:
                return Probe(True, True, listed, f"{self.address}: {error}")
        return Probe(True, True, listed)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            verify=self._tls,
            follow_redirects=False,
            # The limit on a whole exchange stands in `_exchange`: one per read would let a server
            # that sends a byte now and then hold a request for ever.
            timeout=httpx.Timeout(None, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=self.concurrency),
        )

    async def _chat(self, http: httpx.AsyncClient, request: dict[str, Any]) -> Reply:
        """One completion, with retries. Raises MachineError, TextRefused or BadReply."""
        retrying = AsyncRetrying(
            sleep=self.patience.sleep,
            stop=stop_after_attempt(self.patience.attempts),
            wait=self._wait,
            retry=retry_if_exception_type(_Transient),
            reraise=True,
        )
        try:
            reply: Reply = await retrying(self._complete, http, self.timeout_s, request)
            return reply
        except _Transient as error:
            raise MachineError(
                f"{self.address}: {error}, {self.patience.attempts} attempts; is the server up, "
                "and is base_url right (it usually ends in /v1)?"
            ) from None

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.after_s if isinstance(error, _Transient) else None
        if asked is None:
            return self._backoff(state)
        # Spread out, or all that were told the same would come back together.
        return min(asked, self.patience.longest_s) + random.uniform(0, 1)

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
        """One request; the content of a good answer."""
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
            said = self._clean(str(error)) or type(error).__name__
            raise _Transient(f"the connection failed ({said})") from None
        if not response.is_success:
            raise self._fault(response.status_code, response.headers, bytes(content))
        if len(content) > MAX_BYTES:
            raise BadReply(f"longer than {MAX_BYTES >> 20} MiB")
        if self._key:  # a rewrite or a label is stored, and some servers repeat what they were sent
            content = content.replace(self._key.encode(), b"[key]")
        return bytes(content)

    def _fault(self, status: int, headers: Mapping[str, str], content: bytes) -> Exception:
        """The exception for an answer that is not a good one."""
        code, said = error_words(content)
        low = said.lower()
        if status in RETRIED or status >= 500:
            after_s = retry_after(headers.get("retry-after"), self.patience.clock())
            return _Transient(f"HTTP {status}", after_s)
        if status < 400:
            what = f"HTTP {status}: a redirect, not followed; put the final address into base_url"
        elif status in (401, 403):  # nothing of the body: some servers repeat the key in it
            what = f"HTTP {status}: " + (
                f"it does not accept the key in ${self.api_key_env}; is it the right key, and "
                f"may it use {self.model}?"
                if self._key
                else "it wants a key; name the variable that holds it in api_key_env"
            )
        elif code == "model_not_found" or (status == 404 and "model" in low):
            what = f"it does not know the model {self.model}; name one that it serves"
        elif status == 404:
            what = "HTTP 404: no chat completions at this address; base_url usually ends in /v1"
        elif status == 413 or "context length" in low or "context size" in low:
            return TextRefused("too long for the model at the endpoint")
        elif code == "content_filter":
            return TextRefused("refused by the endpoint's content filter")
        else:
            what = f"HTTP {status}: it does not take the request ({said or 'it does not say why'})"
        return Refused(status, self._clean(f"{self.address}: {what}", 400))

    def _clean(self, text: str, limit: int = 160) -> str:
        """Foreign words for a message: one short line, nothing unprintable, without the key."""
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
