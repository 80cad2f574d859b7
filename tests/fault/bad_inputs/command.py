"""The real command in this process: its own parser, checks and words. What it would start as
processes of their own, this process does instead."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from engine import doctor, errors
from engine.door import Door
from engine.run import recorded
from engine.service import Engine
from engine.wire.answering import methods
from engine.wire.client import EngineProblem
from engine.wire.endpoints import Call
from engine.wire.messages import Nothing
from seal_tui.cli import runs
from seal_tui.cli.commands import app
from tests.fault.bad_inputs.base import Answer


class Taken(BaseException):
    """The input was taken: now an engine would start. No error handler may catch this."""


class EngineHere:
    """The client of an engine in this process, for commands."""

    def __init__(self, folder: Path) -> None:
        self.engine = Engine(folder)

    def __enter__(self) -> EngineHere:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    def ask(self, call: Call[Any]) -> Any:
        method = getattr(self.engine, methods(Engine)[call.endpoint])
        try:
            return method() if call.request == Nothing() else method(call.request)
        except errors.FilterError as error:
            raise EngineProblem(str(error), error.kind, error.start, error.end) from None
        except Exception as error:
            known = errors.explain(error)
            raise EngineProblem(str(known), known.kind) from None


def _module(name: str, *arguments: str) -> Any:
    """As `runs.ask_module`, in this process."""
    study = Path(arguments[0])
    if name == "engine.run.recorded":
        return recorded.check(study)
    return [check.plain() for check in doctor._study(study)]


def _taken(*_: object) -> Any:
    raise Taken


@contextmanager
def here(patch: pytest.MonkeyPatch, *, engine: bool = False) -> Iterator[None]:
    """No process is started: what the input passes to is `Taken`, or an engine in this process."""
    patch.setattr(runs, "ask_module", _module)
    patch.setattr(runs, "client", EngineHere if engine else _taken)
    yield


def run(arguments: list[str], folder: Path) -> Answer:
    """Runs the command; what it wrote into `folder` is told too."""
    out, err = io.StringIO(), io.StringIO()
    before = set(folder.rglob("*"))
    began = time.monotonic()
    code: Any = 0
    try:
        with redirect_stdout(Door(out)), redirect_stderr(Door(err)):  # type: ignore[type-var]
            app(arguments, prog_name="seal-tui")
    except Taken:
        pass
    except SystemExit as end:
        code = end.code
    seconds = time.monotonic() - began
    new = sorted(str(path.relative_to(folder)) for path in set(folder.rglob("*")) - before)
    return Answer(code or 0, out.getvalue(), err.getvalue(), seconds, tuple(new) if code else ())
