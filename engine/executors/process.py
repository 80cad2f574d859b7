"""The child process that holds torch and the models. It knows no database and no run.

It answers one request at a time over a pipe: a `Request` in, `("ok", answer)`, `("oom", "")` or an
error `(kind, message)` out. When the pipe closes or the engine dies, it leaves.
"""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

from engine.errors import MachineError, explain
from engine.executors.requests import Request
from engine.executors.worker import Worker

NICENESS = 10


def main(pipe: Connection, device: str) -> None:
    # What the libraries print goes to engine.log; their bars and reports would drown the rest.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    # Threads of torch that wait for each other sleep instead of spinning: the server, the explorer
    # and other people's programs want the same cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not device.startswith("cuda"):  # a GPU must not wait for whoever has the cores
        # Below the engine, which answers people while every core is at work on a batch.
        os.nice(NICENESS)
    threading.Thread(target=_leave_with_engine, daemon=True).start()
    state = Worker(device)
    while True:
        try:
            request: Request[Any] = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        except Exception as error:  # a back end of a package that cannot be imported here
            unknown = MachineError(f"a worker cannot load a back end: {error}")
            pipe.send((unknown.kind.value, str(unknown)))
            continue
        pipe.send(_answer(state, request))


def _leave_with_engine() -> None:
    """Nobody will take the result of the batch in work, and it may take long."""
    if (engine := parent_process()) is not None:
        engine.join()
        os._exit(1)


def _answer(state: Worker, request: Request[Any]) -> tuple[str, Any]:
    try:
        return "ok", request.answer(state)
    except Exception as error:
        # torch's own error of this is known by name, without importing torch here.
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return "oom", ""
        known = explain(error)
        return known.kind.value, str(known)
