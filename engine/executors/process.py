"""The child process that holds torch and the models, without access to the database or the run.

It answers one request at a time over a pipe: a `Request` in, `("ok", answer)`, `("oom", "")` or an
error `(kind, message)` out; before that, the answers to single items that are there already, as
`("part", (place, answer))`. It exits when the pipe closes or the engine dies.
"""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

from engine import door
from engine.errors import MachineError, explain
from engine.executors.requests import Request
from engine.executors.worker import Worker
from engine.models.loading import is_out_of_memory

NICENESS = 10


def main(pipe: Connection, device: str) -> None:
    door.install()
    # Library output goes to engine.log; progress bars and reports would flood it.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    # Waiting torch threads sleep instead of spinning: the server, the explorer and other programs
    # need the same cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not device.startswith("cuda"):  # a GPU must not wait for other processes on the cores
        # Lower priority than the engine, which must respond while every core works on a batch.
        os.nice(NICENESS)
    threading.Thread(target=_exit_with_engine, daemon=True).start()
    state = Worker(device)
    state.heard = lambda at, answer: pipe.send(("part", (at, answer)))
    while True:
        try:
            request: Request[Any] = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        except Exception as error:  # a back end of a package that cannot be imported here
            failure = MachineError(f"a worker cannot load a back end: {error}")
            pipe.send((failure.kind.value, str(failure)))
            continue
        pipe.send(_answer(state, request))


def _exit_with_engine() -> None:
    """Exit when the engine dies: the current batch may take long, and its result is lost."""
    if (engine := parent_process()) is not None:
        engine.join()
        os._exit(1)


def _answer(state: Worker, request: Request[Any]) -> tuple[str, Any]:
    try:
        return "ok", request.answer(state)
    except Exception as error:
        if is_out_of_memory(error):
            return "oom", ""
        problem = explain(error)
        return problem.kind.value, str(problem)
