"""A module of the engine that answers one question in a process of its own."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

from engine.errors import SealError


def answer(work: Callable[[], Any]) -> int:
    """Print what `work` returns as JSON, or the error that it raises; the exit code.

    Libraries may print what they like meanwhile: stdout holds the one object.
    """
    problem, content, code = None, None, 0
    try:
        with contextlib.redirect_stdout(sys.stderr):
            content = work()
    except SealError as error:
        problem, code = {"error": str(error), "kind": error.kind}, error.kind.exit_code
    print(json.dumps({"problem": problem, "answer": content}, allow_nan=False))
    return code
