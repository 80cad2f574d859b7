"""The order of input: a key belongs to the screen that the keys before it opened.

Textual sends a key to the widget that has the focus when the key arrives. Over a slow connection
keys arrive in bunches, before the filter or the dialog that the first of them opens has the focus;
the rest of the text would be decisions. So the app hands out keys, pastes and clicks one at a time:

- A key waits until the one before it is handled: no message is under way, the screens and the focus
  are in place, and the work that it began, such as fetching another list, is done.
- Moves in a list, decisions about the pair under the cursor and text for a field do not wait for
  rows and details that are still being fetched: they do not depend on them.
- Work that takes longer than `LIMIT_S` holds no keys any more. Those typed before are dropped,
  which the user is told. While it lasts, keys that leave, move or type work; others are dropped.
- A key that leaves, pressed more than `AHEAD_S` after the last one, is an answer to the wait and
  does not wait itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, Protocol

from textual import events
from textual.app import App
from textual.events import Event, InputEvent, Key, Paste
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widgets import Input, TextArea
from textual.worker import Worker

from seal_tui.explorer.actions import BY_ID, Action
from seal_tui.explorer.key_parser import EscapeThen

LIMIT_S = 3.0
AHEAD_S = 0.5
_SPINS = 50
_PAUSE_S = 0.002

# Groups of workers that hold no keys: one runs as long as the app, one changes nothing but a text,
# two show what others do.
_APART = frozenset({"engine", "preview", "news", "log"})
# Groups that hold only keys that depend on the rows, or on what is shown beside the list.
_READING = frozenset(
    {
        "mark",
        "renew",
        "rows",
        "detail",
        "progress",
        "complete",
        "--textual-command-palette-gather-commands",
    }
)
# Alt in a field edits words, as in a shell.
_ALT_EDITS = {"b": "ctrl+left", "f": "ctrl+right", "d": "ctrl+f", "backspace": "ctrl+w"}
_EDITS = frozenset({"backspace", "delete", "left", "right", "home", "end"})
_SCROLLS = (events.MouseScrollDown, events.MouseScrollUp)


class Host(Protocol):
    """What the queue asks of the app."""

    def connecting(self) -> bool:
        """Whether the engine has not yet said what is shown first."""
        ...

    def catch_up(self) -> None:
        """Begin now what waits for a timer."""
        ...

    def input_dropped(self, count: int) -> None:
        """`count` keys were dropped, because the engine does not answer."""
        ...


class InputQueue:
    """The input of `app` that has not been handled."""

    def __init__(self, app: App[Any], host: Host) -> None:
        self._app = app
        self._host = host
        self._held: deque[Event] = deque()
        self._released: Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._light = False  # only light keys were handed out since everything was settled
        self._last = monotonic()  # when the last key was handed out
        self._asked: tuple[tuple[Any, ...], Action | None] = ((), None)
        self._background: set[Worker[Any]] = set()
        self._asking: dict[Worker[Any], Screen[Any]] = {}

    # ---------------------------------------------------------- work that holds no keys

    def background(self, worker: Worker[Any] | None) -> None:
        """Hold no keys for this work: no key began it."""
        self._background = {one for one in self._background if not one.is_finished}
        if worker is not None:
            self._background.add(worker)

    def asks(self, worker: Worker[Any], screen: Screen[Any]) -> None:
        """This work waits for the answer to a dialog, as long as that is open."""
        self._asking = {one: over for one, over in self._asking.items() if not one.is_finished}
        self._asking[worker] = screen

    # ---------------------------------------------------------- the queue

    def holds(self, event: Event) -> bool:
        """Whether this event has to wait; it is then posted again. Called by the app for every
        event, before it handles it."""
        if not isinstance(event, InputEvent | Paste) or event.is_forwarded:
            return False
        if event is self._released:
            self._released = None
            return False
        waiting = bool(self._held) or self._released is not None
        if isinstance(event, events.MouseMove):
            if not waiting:
                return False
            if self._held and isinstance(self._held[-1], events.MouseMove):
                self._held.pop()
        elif not waiting and not isinstance(event, EscapeThen):
            # The app itself is busy with this event.
            pumps = (pump for pump in self._concerned(event) if pump is not self._app)
            quiet = _nothing_for(self._app) and all(map(_idle, pumps))
            if quiet and not self._has_to_wait(event):
                self._note(event)
                return False
        self._held.append(event)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._hand_out())
        return True

    async def _hand_out(self) -> None:
        dropped, began = 0, monotonic()
        while self._held:
            late = not await self._ready(began)
            event = self._held.popleft()
            if isinstance(event, EscapeThen):
                self._held.extendleft(reversed(self._meant(event)))
                continue
            if late and not self._is_answer(event):
                dropped += isinstance(event, Key | Paste)
            else:
                if not late:
                    self._note(event)
                self._released = event
                if not self._app.post_message(event):
                    return
                await asyncio.sleep(0)
            if dropped and not self._held:
                self._host.input_dropped(dropped)
                dropped = 0

    def _note(self, event: Event) -> None:
        self._light = self._is_light(event)
        self._last = monotonic()

    async def _ready(self, began: float) -> bool:
        """Wait until the first event can be handed out. False if that takes too long, counted from
        `began` or the last key."""
        spins = 0
        while True:
            event = self._held[0]
            quiet = self._released is None and all(map(_idle, self._concerned(event)))
            if quiet and not self._has_to_wait(event):
                return True
            too_long = monotonic() - max(self._last, began) > LIMIT_S
            if too_long or (quiet and self._is_answer(event)):
                return False
            # What is under way needs a few turns of the event loop; the engine needs longer.
            await asyncio.sleep(0 if spins < _SPINS and not quiet else _PAUSE_S)
            spins += 1

    def _concerned(self, event: Event) -> Iterable[MessagePump]:
        """What has to be idle before this event: the widgets that a light key passes, or all."""
        if self._light and self._is_light(event):
            focused = self._app.focused
            return (focused or self._app.screen).ancestors_with_self
        return (self._app, *self._app._registry)

    def _has_to_wait(self, event: Event) -> bool:
        """Whether there is work under way that this event may depend on."""
        if self._host.connecting():
            return True
        light = self._is_light(event)
        if not light:
            self._host.catch_up()
        for worker in self._app.workers:
            if worker.is_finished or worker.group in _APART or worker in self._background:
                continue
            if light and worker.group in _READING:
                continue
            if not self._is_asking(worker):
                return True
        return False

    def _is_asking(self, worker: Worker[Any]) -> bool:
        screen = self._asking.get(worker)
        return screen is not None and any(
            screen in stack for stack in self._app._screen_stacks.values()
        )

    # ---------------------------------------------------------- kinds of keys

    def _in_field(self) -> bool:
        return isinstance(self._app.focused, Input | TextArea)

    def action(self, key: str) -> Action | None:
        """The action of this key here, if it is one of the table."""
        here = (self._app.screen, self._app.focused, key)
        if here != self._asked[0]:  # a held key asks for the same again and again
            self._asked = (here, self._find(key))
        return self._asked[1]

    def _find(self, key: str) -> Action | None:
        for _, bindings in self._app.screen._modal_binding_chain:
            for binding in bindings.key_to_bindings.get(key, ()):
                return BY_ID.get(binding.id or "")
        return None

    def _is_light(self, event: Event) -> bool:
        """Whether it depends neither on rows nor on details that are still being fetched."""
        if not isinstance(event, Key):
            return False
        if self._in_field():
            return event.is_printable or event.key in _EDITS
        action = self.action(event.key)
        return action is not None and action.light

    def _is_answer(self, event: Event) -> bool:
        return event.time - self._last > AHEAD_S and self._leaves(event)

    def _leaves(self, event: Event) -> bool:
        """Whether it may be handled however long the engine takes."""
        if not isinstance(event, Key):
            return isinstance(event, _SCROLLS)
        action = None if self._in_field() else self.action(event.key)
        away = action is not None and (action.scope == "app" or action.moves)
        return event.key == "escape" or away or (self._in_field() and self._is_light(event))

    def _meant(self, event: EscapeThen) -> Sequence[Key]:
        """Escape and a key that came with it: Alt and that key only where that means something."""
        meant: Sequence[Key] = (Key("escape", "\x1b"), *event.then)
        if len(event.then) == 1:
            key = event.then[0].key
            if self._in_field() and key in _ALT_EDITS:
                meant = (Key(_ALT_EDITS[key], None),)
            elif self.action(f"alt+{key}") is not None:
                meant = (Key(f"alt+{key}", None),)
        for one in meant:
            one.time = event.time
        return meant


def _nothing_for(pump: MessagePump) -> bool:
    return pump._message_queue.empty() and not pump._next_callbacks


def _idle(pump: MessagePump) -> bool:
    """Whether it waits for messages and has none. Textual keeps this to itself."""
    if pump._task is None and not pump._running:
        return True  # never started, or over
    if isinstance(pump, Screen) and pump._callbacks:
        return False
    # The queue's event has a waiter while the pump waits for a message, and none while it works.
    return _nothing_for(pump) and bool(pump._message_queue.ready_event._waiters)
