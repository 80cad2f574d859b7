"""The same keys do the same, however they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.command import CommandList
from textual.content import Content
from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.widgets import Input

from engine.service import Engine
from engine.wire.endpoints import MARK
from engine.wire.messages import LogRequest
from seal_tui.explorer import input_queue
from seal_tui.explorer.key_parser import EscapeThen, KeyParser
from seal_tui.explorer.palette import Palette
from seal_tui.explorer.screens.dialogs import TextScreen
from seal_tui.text.safe import Safe

from . import packets
from .conftest import Opener, shows, until
from .fake_engine import FakeEngine


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the engine may take longer than a person would wait."""
    monkeypatch.setattr(input_queue, "LIMIT_S", 120.0)
    monkeypatch.setattr(input_queue, "AHEAD_S", 120.0)


@pytest.mark.parametrize("seed", (1, 4))
async def test_keys_in_any_packets_do_what_they_do_typed_slowly(
    recorded_run: Path, tmp_path: Path, patient: None, seed: int
) -> None:
    await packets.compare(recorded_run, seed, 60, tmp_path)


# ---------------------------------------------------------- what was once misread


@asynccontextmanager
async def at_the_keys(pilot: Pilot[None]) -> AsyncIterator[packets.Typist]:
    typist = packets.Typist(pilot)
    await typist.settled()
    yield typist
    await typist.settled()


def decided(engine: Engine) -> int:
    return len(engine.mark_log(LogRequest()))


async def test_a_filter_typed_ahead_decides_nothing(real_engine: Engine, browser: Opener) -> None:
    async with browser() as pilot:
        async with at_the_keys(pilot) as typist:
            typist.send("3/amb>.9")
        assert isinstance(pilot.app.focused, Input) and pilot.app.focused.value == "amb>.9"
    assert decided(real_engine) == 0


async def test_a_paste_typed_ahead_goes_to_the_field(real_engine: Engine, browser: Opener) -> None:
    async with browser() as pilot:
        async with at_the_keys(pilot) as typist:
            typist.send("3/\x1b[200~a\x1bx>.9\x1b[201~")
        assert isinstance(pilot.app.focused, Input)
        assert pilot.app.focused.value.endswith("x>.9")
    assert decided(real_engine) == 0


async def test_a_key_typed_ahead_closes_what_the_key_before_it_opens(browser: Opener) -> None:
    async with browser() as pilot:
        async with at_the_keys(pilot) as typist:
            typist.send("3Lq")
        assert pilot.app.is_running and len(pilot.app.screen_stack) == 1


@pytest.mark.parametrize("keys", ["\x10\r\r", "\x10\r\r\r", "\x10zzz\r\r", "\x10zz\x1b[6~\x1b[5~"])
async def test_keys_at_a_palette_that_is_empty_or_closing(browser: Opener, keys: str) -> None:
    async with browser() as pilot:
        async with at_the_keys(pilot) as typist:
            typist.send(keys)
        assert pilot.app.is_running and pilot.app._exception is None


async def test_a_page_key_at_a_palette_that_has_not_been_drawn(browser: Opener) -> None:
    async with browser() as pilot:
        async with at_the_keys(pilot):
            pilot.app.action_command_palette()
        screen = pilot.app.screen
        assert isinstance(screen, Palette)
        options = screen.query_one(CommandList)
        options.clear_options()
        options.add_option("one")
        options.highlighted = 0
        screen._action_command_list("page_down")
        screen._action_command_list("page_up")


async def test_a_dialog_closes_once(browser: Opener) -> None:
    async with browser() as pilot:
        dialog = TextScreen(Safe("a"), Content("b"))
        await pilot.app.push_screen(dialog)
        dialog.dismiss(None)
        dialog.dismiss(None)
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1 and pilot.app._exception is None


async def test_keys_that_an_engine_holds_up_are_dropped_and_said_to_be(
    engine: FakeEngine, explorer: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with explorer() as pilot:
        async with at_the_keys(pilot) as typist:
            typist.send("3")
        engine.held = asyncio.Event()
        monkeypatch.setattr(input_queue, "LIMIT_S", 0.05)
        monkeypatch.setattr(input_queue, "AHEAD_S", 0.0)
        typist.send("sax")
        await shows(pilot, "The engine does not answer; 2 keys were ignored")
        typist.send("1")
        await until(pilot, lambda: pilot.app.current_mode == "overview")
        engine.held.set()
        assert not engine.queries(MARK)


# ---------------------------------------------------------- bytes


def keys(*bunches: str) -> list[str]:
    """What the parser reads; `escape+j` is an escape with a key directly after it."""
    parser, read = KeyParser(), []
    for bunch in bunches:
        for event in parser.feed(bunch):
            name = event.key if isinstance(event, Key) else type(event).__name__
            if isinstance(event, EscapeThen):
                name = "+".join(["escape", *(key.key for key in event.then)])
            read.append(name if not isinstance(event, Paste) else f"paste {event.text!r}")
    return read


@pytest.mark.parametrize(
    ("bunches", "read"),
    [
        (("\x1bj",), ["escape+j"]),
        (("\x1b", "jj"), ["escape+j", "j"]),
        (("\x1bj\x1bk",), ["escape+j", "escape+k"]),
        (("\x1b\x1bj",), ["escape", "escape+j"]),
        (("\x1b[", "A", "\x1bO", "B"), ["up", "down"]),
        (("\x1b[6~j",), ["pagedown", "j"]),
        (("\x1b[27u\x1b[106;3u",), ["escape", "alt+j"]),
        (("\x1b[?62;4cj",), ["j"]),
        (("\x1b[106;1:1uj",), ["j"]),
        (("\x1b[99999999999;5uj",), ["j"]),
        (("\x1b[200~a\x1bx\n\x1b[6~b\x1b[20", "1~x"), ["paste 'a\\x1bx\\n\\x1b[6~b'", "x"]),
        (("\x1b[<0;5;5Mx",), ["MouseDown", "x"]),
    ],
)
def test_bytes_are_read_as_the_keys_that_sent_them(
    bunches: tuple[str, ...], read: list[str]
) -> None:
    assert keys(*bunches) == read


async def test_alt_in_a_field_edits_words_and_elsewhere_is_escape_and_a_key(
    real_engine: Engine, browser: Opener
) -> None:
    async with browser() as pilot:
        async with at_the_keys(pilot) as typist:
            typist.send("3/one two\x1bb\x1b\x7f.")
        assert isinstance(pilot.app.focused, Input) and pilot.app.focused.value == ".two"
        async with at_the_keys(pilot) as typist:
            typist.send("\x1bx")
        assert not isinstance(pilot.app.focused, Input)
    assert decided(real_engine) == 1
