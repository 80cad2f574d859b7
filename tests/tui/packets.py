"""Sessions typed at the explorer: the same keys in random packets, and one by one."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from textual.events import Key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, OptionList, TextArea

from engine.service import Engine
from engine.wire.client import EngineClient
from engine.wire.messages import LogRequest
from engine.wire.server import Activity, create_app
from seal_tui.explorer.app import SealApp
from seal_tui.explorer.input_queue import _idle
from seal_tui.explorer.key_parser import KeyParser
from seal_tui.explorer.screens.browse import BrowseScreen
from seal_tui.explorer.settings import Settings
from seal_tui.explorer.widgets.lines import LineList

from .asgi import StreamingASGITransport

_PATIENCE_S = 20.0
ESC = "\x1b"
# As a terminal sends them. Left out: q and R, which end the session or compute; y, which writes to
# a clipboard; e, which writes files.
PANES = [*"1234567"]
MOVES = [
    *"jkjkjkgGhl",
    f"{ESC}[A",
    f"{ESC}[B",
    f"{ESC}[6~",
    f"{ESC}[5~",
    "\t",
    f"{ESC}[Z",
    "J",
    "K",
]
DECISIONS = [*"axdt!<>zfuUvV*]", "b"]
VIEWS = [*"srtcopTwmxQo ?L", "\r", "\x7f", "\x10", "F"]
TEXTS = [
    "amb>.9",
    "regime:res\t",
    "is:undecided",
    "[",
    "garden",
    f"{ESC}[200~theta:-5..5{ESC}[201~",
    "a>b",
    "#x",
]
OPENERS = ["/", "n", "#", "\x10", "F"]
ENDS = ["\r", "\r", "\r\r", ESC, "\x13"]
# Escape with one of these directly after it is Alt in a field.
_ALT = frozenset("bfd\x7f")


def session(chance: random.Random, count: int) -> list[str]:
    """About `count` keys, those that open a line followed by a text."""
    keys: list[str] = []
    while len(keys) < count:
        kind = chance.random()
        if kind < 0.3:
            text = chance.choice(TEXTS)
            typed = [text] if text.startswith(ESC) else list(text)
            keys += [chance.choice(OPENERS), *typed, chance.choice(ENDS)]
        else:
            many = PANES if kind < 0.4 else MOVES if kind < 0.6 else DECISIONS
            keys.append(chance.choice(VIEWS if kind > 0.85 else [ESC] if kind > 0.8 else many))
        if keys[-1] == ESC and chance.random() < 0.5:
            keys.append(ESC)
    # Not Alt, which bytes cannot tell from two keys.
    return [
        key
        for place, key in enumerate(keys)
        if not (place and keys[place - 1] == ESC and key in _ALT)
    ]


def packets(chance: random.Random, keys: Sequence[str]) -> list[str]:
    """The keys in bunches of 1 to 40."""
    bunches, start = [], 0
    while start < len(keys):
        size = chance.choice((1, 2, 3, 5, 8, 40))
        bunches.append("".join(keys[start : start + size]))
        start += size
    return bunches


class Typist:
    """Sends bytes to the app as its terminal would."""

    def __init__(self, pilot: Pilot[None]) -> None:
        assert isinstance(pilot.app, SealApp)
        self.app = pilot.app
        self._parser = KeyParser()

    def send(self, data: str) -> None:
        """One packet. An escape at its end was pressed alone."""
        for event in (*self._parser.feed(data), *self._tick()):
            event.set_sender(self.app)
            self.app.post_message(event)

    def _tick(self) -> list[Any]:
        self._parser._timeout_time = 0.0 if self._parser._awaiting.timeout is not None else None
        return list(self._parser.tick())

    async def settled(self) -> None:
        """Wait until the app has handled everything."""
        queue, nothing = self.app.input_queue, Key("f24", None)
        queue._light = False
        began, held = monotonic(), 0
        while (
            queue._held
            or queue._released
            or not all(map(_idle, queue._concerned(nothing)))
            or queue._has_to_wait(nothing)
        ):
            await asyncio.sleep(0.001)
            assert self.app._exception is None
            if len(queue._held) != held:
                began, held = monotonic(), len(queue._held)
            busy = [pump for pump in queue._concerned(nothing) if not _idle(pump)]
            work = [worker for worker in self.app.workers if not worker.is_finished]
            assert monotonic() - began < _PATIENCE_S, (queue._held, busy, work)


def state(app: SealApp, engine: Engine) -> dict[str, Any]:
    """Everything that keys can change: decisions, screens, focus, fields, filters and cursors."""
    log = engine.mark_log(LogRequest())
    return {
        "decisions": [(entry.source_id, entry.summary, entry.pairs) for entry in log],
        "mode": app.current_mode,
        "blind": app.session.blind,
    } | {
        f"{mode} {place} {name}": value
        for mode, stack in sorted(app._screen_stacks.items())
        for place, screen in enumerate(stack)
        for name, value in _screen(screen).items()
    }


def _screen(screen: Screen[Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "kind": type(screen).__name__,
        "focus": _name(screen.focused),
        "fields": [field.value for field in screen.query(Input)],
        "areas": [area.text for area in screen.query(TextArea)],
        "cursors": [lines.cursor for lines in screen.query(LineList)],
        "choices": [options.highlighted for options in screen.query(OptionList)],
    }
    if isinstance(screen, BrowseScreen):
        shown |= {
            "filter": screen._filter,
            "past": screen._past,
            "sort": (screen._sort, screen._descending),
            "ids": list(screen.lines.ids),
            "selected": screen.lines.selected,
            "detail": screen.in_detail,
        }
    return shown


def _name(widget: Any) -> str:
    return "" if widget is None else f"{type(widget).__name__}#{widget.id or ''}"


async def typed(pilot: Pilot[None], keys: Sequence[str], *, slowly: bool) -> None:
    """Send these packets; slowly, each is handled before the next is sent."""
    typist = Typist(pilot)
    for key in keys:
        typist.send(key)
        if slowly:
            await typist.settled()
        else:
            await asyncio.sleep(0)
    await typist.settled()


async def after(
    run: Path, bunches: Sequence[str], scratch: Path, *, slowly: bool, size: tuple[int, int]
) -> dict[str, Any]:
    """What the explorer shows and the engine has after these packets, on a copy of `run`."""
    folder = shutil.copytree(run, scratch / f"run-{slowly}")
    engine = Engine(folder)
    try:
        api = create_app(engine, Activity())
        client = EngineClient(lambda: StreamingASGITransport(api))
        app = SealApp(client, Settings(author="kim"))
        async with app.run_test(size=size, notifications=True) as pilot:
            await typed(pilot, bunches, slowly=slowly)
            assert app._exception is None
            return state(app, engine)
    finally:
        engine.close()
        shutil.rmtree(folder)


async def compare(run: Path, seed: int, count: int, scratch: Path) -> None:
    """Type about `count` keys in random packets and slowly; both must end in the same state."""
    chance = random.Random(seed)
    size = chance.choice(((80, 24), (160, 50)))
    keys = session(chance, count)
    bunches = packets(chance, keys)
    slowly = await after(run, keys, scratch, slowly=True, size=size)
    at_once = await after(run, bunches, scratch, slowly=False, size=size)
    told = "".join(
        f"{name}: {at_once.get(name)}\n   typed slowly: {value}\n"
        for name, value in slowly.items()
        if at_once.get(name) != value
    )
    assert not told, f"{told}seed {seed}, {size}"
