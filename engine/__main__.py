"""The engine process: `python -m engine RUN_DIR`. Started on demand by `engine.launch`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine import door
from engine.errors import BadInput, explain
from engine.limits import raise_file_limit
from engine.place import Gone

if TYPE_CHECKING:
    from uvicorn import Server

    from engine.service import Engine

LOOK_S = 1.0  # how often an engine looks whether its folder is still there


def _idle_limit() -> float:
    """Seconds after which an idle engine exits. Raises BadInput."""
    value = os.environ.get("SEAL_TUI_IDLE_S", "900")
    try:
        limit = float(value)
    except ValueError:
        limit = -1.0
    if not limit > 0:  # NaN too
        raise BadInput(f"SEAL_TUI_IDLE_S = {value!r}: must be a positive number of seconds")
    return limit


async def _serve(folder: Path, limit: float) -> None:
    import uvicorn

    from engine.launch import BEAT_S, announce, beat, holder_lock, socket_path, withdraw
    from engine.service import Engine
    from engine.wire.protocol import ImpatientProtocol
    from engine.wire.server import Activity, create_app

    lock = holder_lock(folder)
    withdraw(folder)  # a stale note of an engine that was killed
    engine = Engine(folder)
    socket = socket_path(folder)
    socket.unlink(missing_ok=True)
    activity = Activity()

    def leave() -> None:
        with contextlib.suppress(Gone):
            engine.kept.check()
            withdraw(folder)  # clients now wait for the next engine
        server.should_exit = True
        engine.progress.wake()

    engine.on_shutdown = leave
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(engine, activity),
            uds=str(socket),
            http=ImpatientProtocol,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
    )

    async def leave_when_idle() -> None:
        while not server.should_exit:
            await asyncio.sleep(min(limit, BEAT_S))
            beat(folder)
            if not (engine.running or engine.exports.running) and activity.idle_s() > limit:
                leave()

    async def announce_when_up() -> None:
        while not server.started:
            await asyncio.sleep(0.02)
        socket.chmod(0o600)
        announce(folder, socket)

    works = (leave_when_idle(), announce_when_up(), _leave_when_gone(engine, server))
    background = [asyncio.create_task(work) for work in works]
    try:
        await server.serve()
    finally:
        for task in background:
            task.cancel()
        engine.kept.check()  # nothing is written, nor removed, where this engine's folder was
        engine.progress.wake()  # release threads of watchers whose streams were closed
        withdraw(folder)
        await asyncio.to_thread(engine.close)
        socket.unlink(missing_ok=True)
        lock.release()


async def _leave_when_gone(engine: Engine, server: Server) -> None:
    while not server.should_exit:
        await asyncio.sleep(LOOK_S)
        try:
            engine.kept.check()
        except Gone as gone:
            engine.abandon(gone)
            server.should_exit = True


def main() -> int:
    os.umask(0o077)
    door.install()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the run continues when the terminal is closed
    # uvicorn raises these again after its shutdown, before the engine has closed its database.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    try:
        raise_file_limit()
        asyncio.run(_serve(Path(sys.argv[1]).resolve(), _idle_limit()))
    except Gone as gone:
        print(f"seal-tui: {gone}", file=sys.stderr, flush=True)
        # Without closing the database: all that was committed is on disk, and DuckDB would remove
        # what has the name of its log.
        os._exit(gone.kind.exit_code)
    except Exception as error:
        problem = explain(error)
        print(f"seal-tui: {problem}", file=sys.stderr)
        return problem.kind.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
