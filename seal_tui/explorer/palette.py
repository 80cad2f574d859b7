"""The command palette: all actions available on the current screen, and the themes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.types import IgnoreReturnCallbackType

from seal_tui.explorer.actions import BY_ID
from seal_tui.explorer.screens.closing import ClosesOnce
from seal_tui.explorer.themes import THEMES

_MOVES = ("list", "matrix")
_NOT_LISTED = ("command_palette", "back")


class Palette(ClosesOnce, CommandPalette):
    """Textual's palette. It does not fail on keys that come before it has drawn its list."""

    def _action_command_list(self, action: str) -> None:
        with suppress(KeyError):
            super()._action_command_list(action)


class Command(NamedTuple):
    name: str
    help: str
    run: IgnoreReturnCallbackType


class ActionCommands(Provider):
    """Built from the same table of actions as keys, footer and help."""

    def _commands(self) -> Iterator[Command]:
        seen: set[str] = set()
        for active in self.screen.active_bindings.values():
            action = BY_ID.get(active.binding.id or "")
            if action is None or not active.enabled or action.id in seen:
                continue
            if action.name in _NOT_LISTED or (action.scope in _MOVES and not action.in_footer):
                continue
            seen.add(action.id)
            run = partial(self.app.run_action, active.binding.action, active.node)
            yield Command(f"{action.label} ({action.display(active.binding)})", action.help, run)
        for theme in THEMES:
            change = partial(setattr, self.app, "theme", theme.name)
            yield Command(f"colours: {theme.name}", "Switch to this theme.", change)

    async def discover(self) -> Hits:
        for command in self._commands():
            yield DiscoveryHit(command.name, command.run, help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            score = matcher.match(command.name)
            if score > 0:
                name = matcher.highlight(command.name)
                yield Hit(score, name, command.run, text=command.name, help=command.help)
