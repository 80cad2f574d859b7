"""The explorer over the real client and an engine in-process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from textual.pilot import Pilot

from seal_tui.app import SealApp
from seal_tui.client import EngineClient

from .asgi import StreamingASGITransport
from .fake_engine import FakeEngine

Opener = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


def client_of(engine: FakeEngine) -> EngineClient:
    return EngineClient(lambda: StreamingASGITransport(engine.app()))


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Lets the app work until `condition` holds."""
    for _ in range(200):
        if condition():
            return
        await pilot.pause()
    raise AssertionError(f"never came true; the screen shows\n{screen_text(pilot)}")


def screen_text(pilot: Pilot[None]) -> str:
    """What a person sees, line by line."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


async def shows(pilot: Pilot[None], *texts: str) -> str:
    """Waits until the screen shows every one of `texts`."""
    await until(pilot, lambda: all(text in screen_text(pilot) for text in texts))
    return screen_text(pilot)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def explorer(engine: FakeEngine, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Opens the app at a size; leaves when the block ends."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    @asynccontextmanager
    async def opened(width: int = 160, height: int = 50) -> AsyncIterator[Pilot[None]]:
        app = SealApp(client_of(engine))
        async with app.run_test(size=(width, height), notifications=True) as pilot:
            await until(pilot, lambda: app.session.status is not None)
            await pilot.pause()
            yield pilot

    return opened
