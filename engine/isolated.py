"""Starts a module of the engine in its own process.

Run, data and working folders may contain untrusted files, so no engine process loads code from
them: `-P` keeps the start folder off `sys.path`, and the process starts in `/`, where no relative
name (such as a model `owner/name`) can match an untrusted folder.
"""

from __future__ import annotations

import os
import sys
from typing import TypedDict

from engine.files import expanded

# Variables that name folders, relative to the user's working folder.
_LISTS = ("PYTHONPATH",)
_FOLDERS = ("SEAL_TUI_CACHE", "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE")


class Place(TypedDict):
    """Working folder and environment of such a process; arguments of `subprocess.Popen`."""

    cwd: str
    env: dict[str, str]


def command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", module, *arguments]


def place() -> Place:
    """`/`, and this process's environment with relative folders made absolute.

    An empty entry of PYTHONPATH, as `export PYTHONPATH=$PYTHONPATH:/x` leaves it, means the folder
    that a process starts in. That is hardly ever intended, so it is left out.
    """
    environment = dict(os.environ)
    for name in _LISTS:
        if name in environment:
            entries = [entry for entry in environment[name].split(os.pathsep) if entry]
            environment[name] = os.pathsep.join(map(_absolute, entries))
    for name in _FOLDERS:
        if environment.get(name):
            environment[name] = _absolute(environment[name])
    return {"cwd": "/", "env": environment}


def _absolute(folder: str) -> str:
    return str(expanded(folder).absolute())
