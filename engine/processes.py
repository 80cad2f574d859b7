"""What the system tells of a process."""

from __future__ import annotations

from pathlib import Path


def is_suspended(pid: int) -> bool:
    """Whether a process of this machine was stopped by a signal and waits to be continued; False
    where the system does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1] in (b"T", b"t")
    except OSError:
        return False
