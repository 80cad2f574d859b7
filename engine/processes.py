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


def transferred(pid: int) -> int | None:
    """The bytes that a process of this user has read and written, from files, disks and pipes; None
    where the system does not tell. A download is written to a file."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text("ascii").splitlines()
    except OSError:
        return None
    counts = dict(line.split(": ") for line in lines)
    return sum(int(counts[key]) for key in ("rchar", "wchar", "read_bytes", "write_bytes"))
