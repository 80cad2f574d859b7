"""Behind `seal-tui recover`: makes the database of a run folder anew, with its decisions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from engine import child
from engine.errors import BadInput, Busy
from engine.launch import holder_lock
from engine.store import recovery

FORCE = "--force"


def recover(folder: Path, force: bool) -> dict[str, Any]:
    """Raises Busy while an engine has the folder, and the errors of `recovery.recover`."""
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder")
    try:
        lock = holder_lock(folder)
    except Busy as error:
        raise Busy(f"{error}: `seal-tui stop` it first") from None
    with lock:
        found: dict[str, Any] = msgspec.to_builtins(recovery.recover(folder, force))
    return found


if __name__ == "__main__":
    place = Path(sys.argv[1]).resolve()
    sys.exit(child.answer(lambda: recover(place, FORCE in sys.argv[2:])))
