"""Runs a function of the engine in a child process and prints its result as JSON."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

from engine.errors import SealError


def answer(work: Callable[[], Any]) -> int:
    """Print the result of `work` as JSON, or the error that it raises; returns the exit code.

    Library output is redirected to stderr, so that stdout contains only this object, in its last
    line, and what `tell` prints before.
    """
    problem, content, code = None, None, 0
    try:
        with contextlib.redirect_stdout(sys.stderr):
            content = work()
    except SealError as error:
        problem, code = {"error": str(error), "kind": error.kind}, error.kind.exit_code
    print(json.dumps({"problem": problem, "answer": content}, allow_nan=False))
    return code


def tell(said: str) -> None:
    """Print how far the work is, for the process that waits for its answer."""
    print(json.dumps({"progress": said}), file=sys.__stdout__, flush=True)
