"""The door of a process: whatever is printed, by any code of it, leaves as visible text.

It is the last of two: texts from outside are made visible where they are shown. What somebody
forgot there, what a library prints, a traceback or a usage error is caught here.
"""

from __future__ import annotations

import io
import sys
from typing import IO

from engine import visible


class Door(io.TextIOBase):
    """A text stream that makes unsafe characters visible. Newlines are kept.

    There is no `buffer`: bytes would pass it unseen.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        """What is behind the door, for a program that sends control sequences of its own around
        texts that are safe."""
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # another encoding than UTF-8

    def write(self, text: str) -> int:
        self.stream.write(visible.plain(text))
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return str(getattr(self.stream, "encoding", "utf-8"))

    @property
    def errors(self) -> str:  # type: ignore[override]
        return str(getattr(self.stream, "errors", "strict"))


def install() -> None:
    """Puts stdout and stderr of this process behind doors."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Door):
            setattr(sys, name, Door(stream))


def behind(stream: IO[str]) -> IO[str]:
    """The stream without its door, if it has one."""
    return stream.stream if isinstance(stream, Door) else stream
