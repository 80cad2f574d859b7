"""What nobody expected: the trace in a private file, one line for the person."""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime

from engine.errors import SealError, expected, unexpected
from seal_tui import paths
from seal_tui.text.safe import plain


def note(trace: str) -> str:
    """Add to the file of crashes; the name of the file, made safe for a terminal."""
    try:
        path = paths.crash_log()
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as log:
            log.write(f"\n{datetime.now(UTC).isoformat()}\n{plain(trace)}\n")
    except OSError as failure:
        return f"no file ({failure.strerror})"
    return plain(str(path))


def log(error: BaseException) -> str:
    """Note an exception without the local variables, which hold texts of the data."""
    return note("".join(traceback.format_exception(error)))


def explain(error: Exception) -> SealError:
    """Any exception as an error for people; the trace of one that nobody expected is noted."""
    if (failure := expected(error)) is not None:
        return failure
    return unexpected(error, log(error))
