"""Keys from the bytes of a terminal, with an escape before another key read as two keys.

A terminal sends escape as the byte with which it also begins arrow keys and Alt. Textual reads
escape and a key within `ESCDELAY` milliseconds as one Alt key, and collects up to 32 characters
after an escape before it decides. Over SSH keys arrive in bunches, so both would swallow keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from textual import events
from textual._parser import ParseTimeout
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.message import Message

_ESCAPE = "\x1b"
# What begins a longer sequence: CSI and SS3, and another escape.
_BEGINS = ("[", "O", _ESCAPE)
# A whole control sequence. `[M` begins a mouse report, `[[` a function key of the Linux console.
_WHOLE = re.compile(r"\x1b(\[(?!M$)[0-?]*[ -/]*[@-Z\\-~]|O[ -~])")
_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"


class EscapeThen(events.Key):
    """Escape, directly followed by other keys: either that, or Alt with the key."""

    def __init__(self, then: Sequence[events.Key]) -> None:
        super().__init__("escape", _ESCAPE)
        self.then = then


class KeyParser(XTermParser):
    """Reads an escape before a key as an `EscapeThen`, takes a paste as it comes, and drops
    sequences that nobody knows."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._sequence = ""
        self._pasted: list[str] | None = None

    def feed(self, data: str) -> Iterable[Message]:
        if not data:
            yield from super().feed(data)
        for character in data:
            yield from self._read(character)

    @property
    def _in_sequence(self) -> bool:
        return self._awaiting.timeout is not None

    def _read(self, character: str) -> Iterable[Message]:
        if self._pasted is not None:
            yield from self._paste(character)
            return
        sequence = self._sequence if self._in_sequence else ""
        if sequence == _ESCAPE and character not in _BEGINS:
            self._end_sequence()
            yield EscapeThen(list(self._sequence_to_key_events(character)))
            return
        self._sequence = _ESCAPE if character == _ESCAPE else sequence + character
        if self._sequence == _PASTE_BEGINS:
            self._end_sequence()
            self._pasted = []
            return
        yield from super().feed(character)
        if self._in_sequence and _WHOLE.fullmatch(self._sequence):
            # Unknown to Textual, which would read its characters as keys.
            self._end_sequence()

    def _paste(self, character: str) -> Iterable[Message]:
        """Textual would read as keys what comes after an escape in a pasted text."""
        assert self._pasted is not None
        self._pasted.append(character)
        if character == "~" and "".join(self._pasted[-len(_PASTE_ENDS) :]) == _PASTE_ENDS:
            text = "".join(self._pasted[: -len(_PASTE_ENDS)])
            self._pasted = None
            yield events.Paste(text.replace("\x00", ""))

    def _end_sequence(self) -> None:
        """Forget what was read since the escape."""
        self._awaiting = self._gen.throw(ParseTimeout())
        self._timeout_time = None
        self._tokens.clear()
        self._sequence = ""

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        try:
            return list(super()._sequence_to_key_events(sequence, alt))
        except (ValueError, OverflowError):
            return ()  # not a number, or not a character


class TerminalDriver(linux_driver.LinuxDriver):
    """Textual's driver with this parser."""

    def run_input_thread(self) -> None:
        linux_driver.XTermParser = KeyParser  # type: ignore[attr-defined]
        super().run_input_thread()
