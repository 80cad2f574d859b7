"""The explorer over the real client and an engine in-process."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.service import Engine
from engine.wire.client import EngineClient
from engine.wire.server import Activity, create_app
from seal_tui.explorer.app import SealApp
from seal_tui.explorer.settings import Settings

from . import recorded
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


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees where another, or the person at this machine, was last."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture(scope="session")
def recorded_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded.build(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def real_engine(recorded_run: Path, tmp_path: Path) -> Iterator[Engine]:
    """The real engine of a run of its own."""
    folder = shutil.copytree(recorded_run, tmp_path / "run")
    engine = Engine(folder)
    yield engine
    engine.close()


@asynccontextmanager
async def open_on(
    engine: Engine, width: int = 160, height: int = 50, author: str = "kim"
) -> AsyncIterator[Pilot[None]]:
    """The app on a real engine, in-process."""
    api = create_app(engine, Activity())
    app = SealApp(EngineClient(lambda: StreamingASGITransport(api)), Settings(author=author))
    async with app.run_test(size=(width, height), notifications=True) as pilot:
        await until(pilot, lambda: app.session.status is not None)
        await pilot.pause()
        yield pilot


@pytest.fixture
def browser(real_engine: Engine) -> Opener:
    """Opens the app on the real engine, as the author kim."""
    return partial(open_on, real_engine)


@pytest.fixture
def explorer(engine: FakeEngine) -> Opener:
    """Opens the app at a size; leaves when the block ends."""

    @asynccontextmanager
    async def opened(width: int = 160, height: int = 50) -> AsyncIterator[Pilot[None]]:
        app = SealApp(client_of(engine))
        async with app.run_test(size=(width, height), notifications=True) as pilot:
            await until(pilot, lambda: app.session.status is not None)
            await pilot.pause()
            yield pilot

    return opened
