"""How much memory this process may use, and has used."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def allowed() -> int:
    """The machine's memory in bytes, or less where a control group has less."""
    return min([os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *_limits(_groups())])


def peak() -> int:
    """The most memory that this process has had so far, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _groups() -> str:
    """The lines of this process's control groups; none on systems without them."""
    try:
        return Path("/proc/self/cgroup").read_text("utf-8")
    except OSError:
        return ""


def _limits(groups: str) -> list[int]:
    """The limits of these control groups and of those that they are in, of either version. In a
    container the top folder is its own group, whatever its path is outside."""
    found = []
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top, name = _CGROUPS / controllers, "memory.max"
        if controllers:
            name = "memory.limit_in_bytes"
        here = top / path.lstrip("/")
        for folder in (here, *here.parents):
            if folder.is_relative_to(top):
                found.append(_number(folder / name))
    return [limit for limit in found if limit is not None]


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):  # it is not there, or says "max"
        return None
