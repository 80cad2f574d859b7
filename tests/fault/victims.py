"""What a person does that writes, done by processes that are killed, or whose disk is full, at a
chosen one of their writes (writes.c).

python -m tests.fault.victims   reads attempts as JSON lines and answers each with an Outcome
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

COUNT, FULL, KILL = 1, 2, 3
SOURCE = Path(__file__).with_name("writes.c")


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """`at`: the write that fails or kills, from 1 on."""

    act: str
    folder: str
    how: int
    at: int = 0


class Outcome(msgspec.Struct, kw_only=True):
    """`seen`: the writes until the end, unless it was killed. `errors` are those for people, `raw`
    is any other; `done` says that the act was told as done."""

    killed: bool = False
    done: bool = False
    seen: int = 0
    errors: list[str] = []
    raw: str = ""


# ---------------------------------------------------------------- in the test's process


class Victims:
    """Forks processes that have everything imported."""

    def __init__(self, library: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.victims"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "LD_PRELOAD": str(library)},
        )

    def attempt(self, act: str, folder: Path, how: int, at: int = 0) -> Outcome:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = Attempt(act=act, folder=str(folder.resolve()), how=how, at=at)
        self._process.stdin.write(msgspec.json.encode(asked) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Outcome)

    def close(self) -> None:
        self._process.communicate(timeout=20)


def compiled(folder: Path) -> Path | None:
    """writes.c as a library; None where there is no C compiler."""
    if (compiler := shutil.which("cc")) is None:
        return None
    library = folder / "writes.so"
    options = ["-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run([compiler, *options], check=True)
    return library


# ---------------------------------------------------------------- in theirs

AUTHOR = "eve"
FILTER = "verdict:flip"
EXPORT = "exports/out.jsonl"


def decide(engine: Any) -> None:
    _mark(engine, (3,))


def decide_many(engine: Any) -> None:
    _mark(engine, tuple(range(30)))


def _mark(engine: Any, ids: tuple[int, ...]) -> None:
    from engine.wire.messages import MarkChange, MarkRequest

    change = MarkChange(verdict="flip", note="seen")
    engine.mark(MarkRequest(pair_ids=ids, author=AUTHOR, change=change))


def save_filter(engine: Any) -> None:
    from engine.wire.messages import SaveFilter

    engine.save_filter(SaveFilter(name="mine", filter=FILTER))


def import_ledger(engine: Any) -> None:
    from engine.wire.messages import LedgerFile

    engine.import_ledger_file(LedgerFile(path=str(engine.folder.parent / "other.jsonl")))


def export(engine: Any) -> None:
    from engine.errors import MachineError
    from engine.wire.messages import ExportRequest

    path = engine.folder / EXPORT
    engine.export(ExportRequest(path=str(path), format="trl", overwrite=True))
    engine.exports.join()
    status = engine.exports.status()
    if status.state != "done":
        raise MachineError(status.error)


def run(engine: Any) -> None:
    from engine.errors import MachineError

    engine.start()
    engine.join()
    status = engine.status()
    if status.state != "done":
        raise MachineError(status.error)


def nothing(engine: Any) -> None:
    """Opening a folder is what migrates it."""


ACTS: dict[str, Callable[[Any], None]] = {
    "decision": decide,
    "bulk decision": decide_many,
    "saved filter": save_filter,
    "import of a ledger": import_ledger,
    "export": export,
    "run": run,
    "migration": nothing,
}
RECOVERY = "recovery"


def act(attempt: Attempt, outcome: Outcome, room: Callable[[], None]) -> None:
    """Do it; where that is refused, make room and do it again, at last with another engine."""
    from engine.errors import SealError
    from engine.service import Engine
    from engine.store.recovery import recover

    folder = Path(attempt.folder)
    for _ in range(3):
        try:
            if attempt.act == RECOVERY:
                recover(folder)
                return
            with closing(Engine(folder)) as engine:
                try:
                    ACTS[attempt.act](engine)
                except SealError as error:
                    outcome.errors.append(str(error))
                    room()
                    ACTS[attempt.act](engine)
            return
        except SealError as error:
            outcome.errors.append(str(error))
            room()
    raise AssertionError("refused although there was room again")


def child(attempt: Attempt, answers: int) -> None:
    writes = ctypes.CDLL(None)
    outcome = Outcome()
    signal.alarm(120)  # a hang ends it, and is no kill
    writes.writes_arm(os.fsencode(attempt.folder), attempt.how, attempt.at)
    try:
        act(attempt, outcome, lambda: writes.writes_arm(b"", 0, 0))
        outcome.done = True
    except BaseException:
        outcome.raw = traceback.format_exc()
    outcome.seen = writes.writes_seen()
    os.write(answers, msgspec.json.encode(outcome))
    os._exit(0)


def main() -> None:
    # What takes long to import and starts no thread.
    import duckdb  # noqa: F401
    import pyarrow  # noqa: F401

    import engine.service  # noqa: F401

    for line in sys.stdin.buffer:
        attempt = msgspec.json.decode(line, type=Attempt)
        reading, writing = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(reading)
            child(attempt, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as answers:
            said = answers.read()
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if killed:
            said = msgspec.json.encode(Outcome(killed=True))
        elif not said:
            said = msgspec.json.encode(Outcome(raw=f"ended with {status}"))
        sys.stdout.buffer.write(said + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
