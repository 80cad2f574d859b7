"""The person's settings file: theme, name, keys. TOML, checked to the key that is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from engine.author import login
from engine.errors import BadInput
from engine.xdg import config_file
from seal_tui.explorer.actions import ACTIONS, BY_ID, TOGETHER
from seal_tui.explorer.themes import THEMES


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`author` signs decisions; empty: the name of the login. `keys`: scope → action → keys."""

    theme: str = ""
    author: str = ""
    mouse: bool = True
    keys: dict[str, dict[str, str]] = {}

    @property
    def signature(self) -> str:
        return self.author or login()

    @property
    def own_keys(self) -> dict[str, str]:
        """Action → keys, for those that the person changed."""
        return {
            f"{scope}.{name}": keys
            for scope, actions in self.keys.items()
            for name, keys in actions.items()
        }

    @property
    def all_keys(self) -> dict[str, str]:
        """Every action's keys, with the person's own in place of the usual ones."""
        return {action.id: action.keys for action in ACTIONS} | self.own_keys


def load(path: Path | None = None) -> Settings:
    """The settings of `path` (default: the person's own), the defaults where there is no file.

    Raises BadInput for a file that cannot be understood."""
    path = path or config_file()
    try:
        settings = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Settings)
    except FileNotFoundError:
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise BadInput(f"{path}: {error}; known are theme, author, mouse, keys") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    themes = [theme.name for theme in THEMES]
    if settings.theme and settings.theme not in themes:
        raise BadInput(f"{path}: theme: no theme {settings.theme!r}; there are {_all(themes)}")
    if wrong := _wrong_keys(settings):
        raise BadInput(f"{path}: {wrong}; `seal-tui keys` lists them all")
    return settings


def _wrong_keys(settings: Settings) -> str:
    """What is wrong with the keys, if anything."""
    for action_id in settings.own_keys:
        if action_id not in BY_ID:
            return f"keys.{action_id}: no such action"
    keymap = settings.all_keys
    for scopes in TOGETHER:
        taken: dict[str, str] = {}
        for action in ACTIONS:
            if action.scope in scopes:
                for key in keymap[action.id].split(","):
                    if not key:
                        return f"keys.{action.id}: an empty key"
                    if other := taken.get(key):
                        return f"keys.{action.id}: {key!r} is a key of {other} too"
                    taken[key] = action.id
    return ""


def _all(names: list[str]) -> str:
    return ", ".join(names)
