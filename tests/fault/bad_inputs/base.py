"""What a bad input is, and what has to come of it: one clear line, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LONGEST = 700  # characters of a line
SECONDS = 10.0

# What is never shown to a person: the insides of Python and of libraries.
_RAW = (
    re.compile(r"Traceback|internal error"),
    re.compile(r"\b(?!Error:)[A-Za-z_.]*[a-z](?:Error|Exception|Warning)\b"),
    re.compile(r"<class |<function |<\w+ object| object at 0x|\bNoneType\b|\bdict\b|\bPosixPath\b"),
    re.compile(r"`(?:int|str|float|array|object|bool)`|at `?\$"),
    re.compile(r"site-packages|\.py\b|\bline \d+, in\b"),
    re.compile(r"codec can't|Errno|errno"),
)


@dataclass(frozen=True)
class Case:
    """One bad input. `make` writes it into a folder that has all that is good, and returns the
    arguments of the command. The line has one of the words in `names`: the file, field or option.

    `codes` are the exit codes that are documented for it; 0 stands for an input of which the good
    rows are read and the bad ones counted.
    """

    name: str
    make: Callable[[Path], list[str]]
    names: tuple[str, ...]
    codes: tuple[int, ...] = (2,)


@dataclass(frozen=True)
class Answer:
    """What a command did. `code` 0: it took the input."""

    code: int
    out: str
    err: str
    seconds: float
    written: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        return self.err.strip()


def raw(text: str) -> str | None:
    """What of this text is the inside of a program; None if nothing is."""
    found = (pattern.search(text) for pattern in _RAW)
    return next((match[0] for match in found if match), None)


def shortcoming(answer: Answer, names: tuple[str, ...], codes: tuple[int, ...]) -> str | None:
    """What is wrong with what a command said about a bad input; None if nothing is."""
    if answer.seconds > SECONDS:
        return f"it took {answer.seconds:.1f} s"
    if (inside := raw(answer.out + answer.err)) is not None:
        return f"it shows {inside!r}"
    if answer.code not in codes:
        return f"the exit code is {answer.code}, not {codes}"
    if answer.written:
        return f"it wrote {', '.join(answer.written)}"
    if answer.code == 0:
        return None
    *before, line = answer.line.split("\n")
    if before and not before[0].startswith("Usage: "):
        return f"it says {len(before) + 1} lines"
    if not re.match(r"seal-tui: |Error: ", line):
        return "the line does not begin with the name of the program"
    if len(line) > LONGEST:
        return f"the line has {len(line)} characters"
    if not any(name in line for name in names):
        return f"the line names none of {names}"
    return None
