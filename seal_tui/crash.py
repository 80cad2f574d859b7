"""Unexpected errors: the traceback goes to a private file, the user gets one line."""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime

from engine.errors import SealError, expected, unexpected
from seal_tui import paths
from seal_tui.text.safe import plain


def note(trace: str) -> str:
    """Append to the crash log; return its path, safe for a terminal."""
    try:
        path = paths.crash_log()
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as log:
            log.write(f"\n{datetime.now(UTC).isoformat()}\n{plain(trace)}\n")
    except OSError as failure:
        return f"no file ({failure.strerror})"
    return plain(str(path))


def log(error: BaseException) -> str:
    """Log an exception without local variables, which may hold dataset texts."""
    return note("".join(traceback.format_exception(error)))


def explain(error: Exception) -> SealError:
    """Any exception as a SealError; the traceback of an unexpected one is logged."""
    if (failure := expected(error)) is not None:
        return failure
    return unexpected(error, log(error))
