"""Finds a run folder's engine, starts one if there is none, and locks the folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import socket as sockets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import filelock

from engine import __version__, isolated
from engine.errors import BadInput, Busy, MachineError, SealError
from engine.files import refuse_special_in, refuse_undecodable
from engine.paths import runtime_dir
from engine.place import LOCK, Kept, place
from engine.visible import shell_word
from engine.wire import version

HOLDER = "engine.json"
LOG = "engine.log"
START_TIMEOUT_S = 30.0
PROBE_S = 2.0
BEAT_S = 5.0  # the longest interval at which an engine renews its note
BEAT_LIMIT_S = 15.0


@dataclass(frozen=True)
class Holder:
    """The engine in a run folder's note. `place` identifies the folder that the note was written
    in, `build` is from `engine.wire.version`; version 0.1.0 wrote neither."""

    pid: int
    host: str
    socket: Path
    place: tuple[int, ...] | None = None
    build: str = ""


def socket_path(folder: Path) -> Path:
    """The socket of this folder's engine: short, private, and the same for every client."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:20]
    return runtime_dir() / f"{name}.sock"


def holder_lock(folder: Path) -> filelock.FileLock:
    """Lock the folder for this process.

    Raises Busy naming the holder if another engine has locked it.
    """
    _still_there(folder)
    # The timeout is for clients that take the lock briefly to check whether the folder is held.
    lock = filelock.FileLock(folder / LOCK, timeout=1, mode=0o600)
    try:
        lock.acquire()
    except filelock.Timeout:
        engine = holder(folder)
        who = f"process {engine.pid} on {engine.host}" if engine else "another engine"
        raise Busy(f"{folder} is in use by {who}") from None
    except OSError as error:
        raise _not_writable(folder, error) from None
    return lock


def _not_writable(folder: Path, error: OSError) -> MachineError:
    return MachineError(
        f"{folder} cannot be written: {error.strerror}; the engine that shows a run writes its "
        "lock, its log and your decisions there: copy the folder to where you may write"
    )


def held(folder: Path) -> bool:
    """Whether an engine on this machine holds the folder, reachable or not."""
    if not folder.is_dir():  # filelock would make it
        return False
    lock = filelock.FileLock(folder / LOCK, timeout=0, mode=0o600)
    try:
        with lock:
            return False
    except filelock.Timeout:
        return True
    except OSError:
        return False  # the engine will report the problem


def announce(folder: Path, socket: Path) -> None:
    """Write the note that says who holds the folder and how to reach it."""
    content = {
        "pid": os.getpid(),
        "host": platform.node(),
        "socket": str(socket),
        "place": place(folder),
        "version": __version__,
        "build": version.build(),
    }
    scratch = folder / f".{HOLDER}.{os.getpid()}"
    try:
        scratch.write_text(json.dumps(content) + "\n")
        os.replace(scratch, folder / HOLDER)
    finally:
        scratch.unlink(missing_ok=True)


def beat(folder: Path) -> None:
    """Renew the note, so that other hosts see that its engine is alive."""
    with contextlib.suppress(OSError):
        os.utime(folder / HOLDER)


def withdraw(folder: Path) -> None:
    (folder / HOLDER).unlink(missing_ok=True)


def holder(folder: Path) -> Holder | None:
    """The engine in the folder's note; it may no longer exist."""
    try:
        content = json.loads((folder / HOLDER).read_text("utf-8"))
        place = content.get("place")
        return Holder(
            int(content["pid"]),
            str(content["host"]),
            Path(content["socket"]),
            None if place is None else tuple(place),
            str(content.get("build", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def reachable(folder: Path) -> Path | None:
    """The socket of the folder's running engine, of any version, or None.

    Raises Busy if an engine on another host holds the folder: its socket is not reachable.
    """
    engine = _running(folder)
    return None if engine is None else engine.socket


def _running(folder: Path) -> Holder | None:
    """The folder's running engine, or None.

    A note that was copied with its folder names the engine of the original, and is ignored.
    Raises Busy if an engine on another host, which shares this folder, holds it: its socket is not
    reachable.
    """
    engine = holder(folder)
    if engine is None:
        return None
    if engine.host == platform.node():
        return engine if _is_here(engine, folder) and _answers(engine.socket) else None
    held_there = f"{folder} is in use by process {engine.pid} on {engine.host}"
    if engine.place is None or engine.place == place(folder):
        raise Busy(
            f"{held_there}: run seal-tui there; if that engine is gone, or this folder is a copy, "
            f"remove {shell_word(folder / HOLDER)}"
        )
    # The numbers of another folder: a copy. But some shared file systems have other numbers on
    # every host; there, a running engine still renews its note.
    if _age_s(folder / HOLDER) < BEAT_LIMIT_S:
        raise Busy(
            f"{held_there}, or was copied a moment ago: run seal-tui there, or try again in "
            f"{BEAT_LIMIT_S:.0f} s"
        )
    return None


def _is_here(engine: Holder, folder: Path) -> bool:
    """Whether the note of an engine on this host was written in this folder."""
    if engine.place is not None:
        return engine.place == place(folder)
    return engine.socket.name == socket_path(folder).name


def _age_s(path: Path) -> float:
    try:
        return abs(time.time() - path.stat().st_mtime)
    except OSError:
        return float("inf")


def _answers(socket: Path) -> bool:
    """Whether an engine responds. The kernel still accepts connections for a process that was just
    killed, so only an answer counts, or a timeout, which means that the engine is busy."""
    with contextlib.closing(sockets.socket(sockets.AF_UNIX)) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(str(socket))
            probe.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            return probe.recv(1) != b""
        except TimeoutError:
            return True
        except OSError:
            return False


def _still_there(folder: Path) -> None:
    """Raises BadInput if the folder is gone: a lock would make it again."""
    if not folder.is_dir():
        raise BadInput(f"{folder} is not there any more: it was moved or deleted")


def run_folder(folder: Path) -> Path:
    """An existing run folder, absolute. Raises BadInput for any other."""
    refuse_undecodable(folder.absolute())
    if not (folder / "study.json").is_file():
        raise BadInput(
            f"{folder} is not a run folder (it has no study.json); "
            "create one with `seal-tui run STUDY.toml`"
        )
    refuse_special_in(folder)
    return folder.resolve()


def engine_of(folder: Path) -> Callable[[], Path]:
    """`ensure_engine` for a client that may ask again: it raises MachineError once the folder was
    moved, deleted or replaced by another one, whose pairs are others."""
    folder = folder.resolve()
    kept = Kept(folder)

    def ensure() -> Path:
        kept.check()
        return ensure_engine(folder)

    return ensure


def ensure_engine(folder: Path) -> Path:
    """The socket of the folder's engine, which is started in its own session if there is none. An
    idle engine of another version is replaced.

    Raises SealError with the last line of its log if it does not start, and Busy if an engine of
    another version is working.
    """
    folder = folder.resolve()
    process: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        engine = _running(folder)
        if engine is not None:
            if engine.build == version.build() or _usable(folder, engine):
                return engine.socket
            if process is not None and process.pid == engine.pid:
                raise MachineError(
                    f"the engine of {folder} was started from another version of seal-tui than "
                    f"this one; see {sys.executable} and PYTHONPATH"
                )
        _still_there(folder)
        if process is None:
            # The folder is still held by an engine that is exiting, or that was just started.
            if not held(folder):
                process = _start(folder)
        elif process.poll() is not None:
            if not held(folder):
                raise _startup_error(folder, process.returncode)
            process = None  # another client's engine locked the folder first
        time.sleep(0.03)
    if held(folder):
        raise Busy(
            f"the engine of {folder} is finishing its last batch, or still starting; "
            f"try again, or see {folder / LOG}"
        )
    raise MachineError(f"the engine did not answer in {START_TIMEOUT_S:.0f} s; see {folder / LOG}")


def _usable(folder: Path, engine: Holder) -> bool:
    """Whether an engine of another build is compatible. If not, and it is idle, it is shut down.

    Raises Busy if it is working, and MachineError if this process is outdated.
    """
    from engine.wire.client import EngineGone, EngineProblem, SyncEngineClient

    try:
        with SyncEngineClient.at(engine.socket) as client:
            peer = client.ask(version.PEER())
            outdated = version.build_on_disk() != version.build()
            busy = peer.state == "running" or client.ask(version.PEER_EXPORT()).state == "running"
            if peer.compatible and (outdated or busy):
                return True
            if outdated:
                raise MachineError("seal-tui was updated since this process started; restart it")
            if busy:
                work = "a run" if peer.state == "running" else "an export"
                raise Busy(
                    f"the engine of {folder} is version {peer}, this is {version.this()}, and "
                    f"{work} is in progress: wait for it, or `seal-tui stop {shell_word(folder)}`"
                )
            client.ask(version.PEER_SHUTDOWN())
    except (EngineGone, EngineProblem):
        pass  # it has exited, or is not an engine
    return False


def attachable(socket: Path) -> Path:
    """`socket`, if its engine is compatible with this version. Raises MachineError otherwise, and
    if nothing answers."""
    from engine.wire.client import EngineProblem, SyncEngineClient

    try:
        with SyncEngineClient.at(socket) as client:
            peer = client.ask(version.PEER())
    except EngineProblem as error:
        raise MachineError(f"{socket}: {error}") from None
    if not peer.compatible:
        raise MachineError(
            f"the engine at {socket} is version {peer}, this is {version.this()}: "
            "both must have the same version"
        )
    return socket


def _start(folder: Path) -> subprocess.Popen[bytes]:
    try:
        log = open(folder / LOG, "ab", opener=_private)  # noqa: SIM115 - its own error
    except OSError as error:
        raise _not_writable(folder, error) from None
    with log:
        return subprocess.Popen(
            isolated.command("engine", str(folder)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **isolated.place(),
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _startup_error(folder: Path, exit_code: int) -> SealError:
    """Why an engine did not start: the last line of its log, as the kind of its exit code."""
    lines = (folder / LOG).read_text("utf-8", "replace").strip().splitlines()
    last = lines[-1] if lines else "the engine ended without a message"
    kind = BadInput if exit_code == BadInput.kind.exit_code else MachineError
    return kind(last.removeprefix("seal-tui: "))
