"""How a module of the engine is started in a process of its own.

Run, data and working folders hold what other people wrote, so no process of the engine looks for
code in one: `-P` keeps the folder it starts in off `sys.path`, and it starts in `/`, where no
relative name (a model `owner/name`, say) means a folder of somebody's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TypedDict

# Variables that name folders, as the person who set them saw them.
_LISTS = ("PYTHONPATH",)
_FOLDERS = ("SEAL_TUI_CACHE", "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE")


class Place(TypedDict):
    """Where such a process runs; arguments of `subprocess.Popen`."""

    cwd: str
    env: dict[str, str]


def command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", module, *arguments]


def place() -> Place:
    """`/`, and this process's environment with relative folders made absolute.

    An empty entry of PYTHONPATH, as `export PYTHONPATH=$PYTHONPATH:/x` leaves it, means the folder
    that a process starts in. Nobody asked for that, so it is left out.
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
    return str(Path(folder).expanduser().absolute())
