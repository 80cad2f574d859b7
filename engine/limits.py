"""What the system lets this process have."""

from __future__ import annotations

import resource

from engine.errors import MachineError

FEWEST_FILES = 64  # an idle engine needs some 20
ENOUGH_FILES = 4096


def raise_file_limit() -> None:
    """Allow this process, and those it starts, as many open files as the system grants, within
    reason. Raises MachineError if these are too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_FILES)
    if most < FEWEST_FILES:
        raise MachineError(
            f"this system lets a process open only {hard} files, the engine needs {FEWEST_FILES}: "
            "raise the limit (ulimit -n)"
        )
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
