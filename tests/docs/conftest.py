"""A reader's shell: the folder of `world`, and the commands that the pages use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command import COMMAND
from tests.docs import world
from tests.docs.pages import ROOT
from tests.engine.conftest import _short_sockets, end_engine

__all__ = ["_short_sockets"]

Shell = Callable[[str], "subprocess.CompletedProcess[str]"]

# The explorer needs a terminal and somebody who leaves it; a stream of events never ends; an error
# of the engine is an answer to curl.
SHIMS = {
    "seal-tui": """case " $* " in
  *" --headless "*|*" --plan "*) ;;
  " open "*|" run "*|" demo "*) exec {python} -P -m tests.docs.on_terminal "$@" ;;
esac
exec {command} "$@"
""",
    "python3": 'exec {python} "$@"\n',
    "curl": """{curl} --fail-with-body --max-time 3 "$@"
code=$?
case "$code $*" in "28 "*-sN*) exit 0 ;; esac
exit $code
""",
}


@pytest.fixture(scope="session")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.build(tmp_path_factory.mktemp("world"))


@pytest.fixture
def reader(_world: Path, tmp_path: Path) -> Iterator[Path]:
    """The folder that a page's commands are run in."""
    folder = Path(shutil.copytree(_world, tmp_path / "reader"))
    yield folder
    for held in folder.glob("runs/*/engine.json"):
        end_engine(held.parent)


@pytest.fixture
def shell(reader: Path, tmp_path: Path) -> Shell:
    """Runs a block of shell commands up to the first that fails."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in SHIMS.items():
        path = folder / name
        command = " ".join(COMMAND)
        text = script.format(python=sys.executable, command=command, curl=curl)
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=reader,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )

    return run
