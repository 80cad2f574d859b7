"""The user's settings file: theme, author, mouse, keys. TOML; errors name the invalid key."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from engine import toml
from engine.author import login
from engine.errors import BadInput
from engine.settings import explained
from engine.xdg import config_file
from seal_tui.explorer import key_names
from seal_tui.explorer.actions import ACTIONS, BY_ID, TOGETHER
from seal_tui.explorer.themes import THEMES


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`author` signs decisions; empty means the login name. `keys`: scope → action → keys."""

    theme: str = ""
    author: str = ""
    mouse: bool = True
    keys: dict[str, dict[str, str]] = {}

    @property
    def signature(self) -> str:
        return self.author or login()

    @property
    def own_keys(self) -> dict[str, str]:
        """Action → keys, for the actions that the user has changed."""
        return {
            f"{scope}.{name}": keys
            for scope, actions in self.keys.items()
            for name, keys in actions.items()
        }

    @property
    def all_keys(self) -> dict[str, str]:
        """The keys of every action; the user's replace the defaults."""
        return {action.id: action.keys for action in ACTIONS} | self.own_keys


def load(path: Path | None = None) -> Settings:
    """The settings in `path` (default: the user's file), or the defaults if there is no file.

    Raises BadInput for an invalid file."""
    path = path or config_file()
    if not os.path.lexists(path):
        return Settings()
    try:
        raw = toml.read(path, "settings file")
        _check_keys(path, raw.get("keys"))
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise BadInput(f"{path}: {explained(error, Settings)}") from None
    themes = [theme.name for theme in THEMES]
    if settings.theme and settings.theme not in themes:
        raise BadInput(f"{path}: unknown theme {settings.theme!r}; available: {_all(themes)}")
    if wrong := _wrong_keys(settings):
        raise BadInput(f"{path}: {wrong}; `seal-tui keys` lists all actions and keys")
    return settings


def _check_keys(path: Path, scopes: object) -> None:
    """Raises BadInput for a scope that is no table, and for a key that is no text."""
    for scope, actions in scopes.items() if isinstance(scopes, dict) else ():
        if not isinstance(actions, dict):
            raise BadInput(f'{path}: keys.{scope}: must be a table of actions, such as flip = "x"')
        for name, keys in actions.items():
            if not isinstance(keys, str):
                raise BadInput(f'{path}: keys.{scope}.{name}: must be text, such as "x,ctrl+x"')


def _wrong_keys(settings: Settings) -> str:
    """The first problem with the keys, or an empty string."""
    for action_id in settings.own_keys:
        if action_id not in BY_ID:
            return f"keys.{action_id}: unknown action"
    keymap = settings.all_keys
    for scopes in TOGETHER:
        owners: dict[str, str] = {}
        for action in ACTIONS:
            if action.scope in scopes:
                for written in keymap[action.id].split(","):
                    key = key_names.read(written)
                    if not written:
                        return f"keys.{action.id}: empty key"
                    if not key:
                        return (
                            f"keys.{action.id}: {written!r} is not a key; keys are characters and "
                            "names (f5, pagedown), if need be after ctrl+, alt+ or shift+"
                        )
                    if other := owners.get(key):
                        return f"keys.{action.id}: {written!r} is already bound to {other}"
                    owners[key] = action.id
    return ""


def _all(names: list[str]) -> str:
    return ", ".join(names)
