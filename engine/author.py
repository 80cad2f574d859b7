"""Whose decisions they are, where nobody says so."""

from __future__ import annotations

import getpass
import tomllib

from engine.xdg import config_file


def login() -> str:
    """The login name, as far as the system knows one."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without an entry for the user
        return "unknown"


def default_author() -> str:
    """The `author` of the settings file, which signs decisions in the explorer; else the login.

    A settings file that cannot be read is the explorer's to complain about.
    """
    try:
        author = tomllib.loads(config_file().read_text("utf-8")).get("author")
    except (OSError, ValueError):
        author = None
    return author if isinstance(author, str) and author else login()
