"""The engine process: `python -m engine RUN_DIR`. Started on demand by `engine.launch`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from engine.errors import BadInput, explain


def _idle_limit() -> float:
    """Seconds after which an engine that nobody needs leaves. Raises BadInput."""
    given = os.environ.get("SEAL_TUI_IDLE_S", "900")
    try:
        limit = float(given)
    except ValueError:
        limit = -1.0
    if not limit > 0:  # NaN too
        raise BadInput(f"SEAL_TUI_IDLE_S = {given!r}: must be a number of seconds above 0")
    return limit


async def _serve(folder: Path, limit: float) -> None:
    import uvicorn

    from engine.launch import BEAT_S, announce, beat, holder_lock, socket_path, withdraw
    from engine.service import Engine
    from engine.wire.server import Activity, create_app

    lock = holder_lock(folder)
    withdraw(folder)  # a stale note of an engine that died
    engine = Engine(folder)
    socket = socket_path(folder)
    socket.unlink(missing_ok=True)
    activity = Activity()

    def leave() -> None:
        withdraw(folder)  # who looks for an engine from now on waits for the next one
        server.should_exit = True
        engine.progress.wake()

    engine.on_shutdown = leave
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(engine, activity),
            uds=str(socket),
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

    background = [asyncio.create_task(leave_when_idle()), asyncio.create_task(announce_when_up())]
    try:
        await server.serve()
    finally:
        for task in background:
            task.cancel()
        engine.progress.wake()  # the threads of watchers whose streams were cut off
        withdraw(folder)
        await asyncio.to_thread(engine.close)
        socket.unlink(missing_ok=True)
        lock.release()


def main() -> int:
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal may go; the run goes on
    # uvicorn raises these again once it has shut down; the engine has yet to close its database.
    for wish in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wish, lambda *_: None)

    try:
        asyncio.run(_serve(Path(sys.argv[1]).resolve(), _idle_limit()))
    except Exception as error:
        known = explain(error)
        print(f"seal-tui: {known}", file=sys.stderr)
        return known.kind.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
