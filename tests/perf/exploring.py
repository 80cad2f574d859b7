"""What a person at the explorer waits for, read off a pseudo terminal, with 160,800 pairs.

Beside it Textual's own DataTable on the same rows (`python -m tests.perf.data_table`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from engine import launch
from engine import study as studies
from engine.run import measure
from engine.wire.messages import RunStatus
from tests.command import COMMAND
from tests.perf import planted
from tests.perf.stored import PAIRS, plant, sample_texts
from tests.tui.terminal import Terminal

KEYS = 200


def say(what: str, found: str) -> None:
    print(f"{what:<58}{found:>15}", flush=True)


def ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"


@contextmanager
def finished_run() -> Iterator[Path]:
    """A run folder as a finished run leaves it, with its engine up."""
    with tempfile.TemporaryDirectory(prefix="seal-", dir="/tmp") as name:
        os.environ["XDG_RUNTIME_DIR"] = os.environ["XDG_STATE_HOME"] = name
        run = Path(name) / "run"
        study, store = plant(run, planted.study(PAIRS), sample_texts(), 0)
        measure.measure(study, store)
        store.close()
        (run / "study.json").write_bytes(studies.dump_resolved(study))
        status = RunStatus(
            version=1,
            run_dir=str(run),
            study=study.name,
            state="done",
            stages=(),
            counts={},
            rejects={},
            warnings=(),
            error=None,
            elapsed_s=1.0,
            pid=0,
            engine_version="",
        )
        manifest = {"status": msgspec.to_builtins(status)}
        (run / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        launch.ensure_engine(run)
        yield run
        subprocess.run([*COMMAND, "stop", str(run)], check=True, capture_output=True)


def memory(pid: int) -> float:
    """Resident MiB at most so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise LookupError("VmHWM")


def first_frame(terminal: Terminal, key: str) -> float:
    """Seconds from the key to the end of the first frame after it."""
    terminal.quiet(0.15)  # the pair beside the list follows the cursor after a moment
    start, began = len(terminal.output), time.perf_counter()
    terminal.write(key)
    while not terminal.frames(start):
        assert terminal.read(5.0), "no frame came"
    return time.perf_counter() - began


def settled(terminal: Terminal, key: str) -> float:
    """Seconds from the key to the end of the last frame it brings."""
    terminal.quiet(0.25)
    start, began = len(terminal.output), time.perf_counter()
    terminal.write(key)
    last, seen = began, 0
    while terminal.read(0.25) or not seen:
        now = time.perf_counter()
        if (frames := terminal.frames(start)) > seen:
            last, seen = now, frames
    return last - began


def until(terminal: Terminal, keys: str, wanted: str) -> float:
    """Seconds from the last key to a screen with `wanted`."""
    terminal.quiet(0.25)
    began = time.perf_counter()
    terminal.write(keys)
    terminal.read_until(wanted)
    return time.perf_counter() - began


def percentiles(what: str, times: list[float]) -> float:
    times = sorted(times)
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99) - 1]
    say(f"{what}, median", ms(p50))
    say(f"{what}, 99th percentile of {len(times)}", ms(p99))
    return p99


def held(terminal: Terminal, key: str, measured: Callable[[Terminal, str], float]) -> list[float]:
    return [measured(terminal, key) for _ in range(KEYS)]


def explorer(run: Path) -> None:
    began = time.perf_counter()
    terminal = Terminal([*COMMAND, "open", str(run)], size=(160, 50))
    terminal.knows_frames()
    terminal.read_until("overview")
    say("first paint", ms(time.perf_counter() - began))
    terminal.read_until("stayed")
    say("the overview with its numbers", ms(time.perf_counter() - began))
    say("the list of all pairs", ms(until(terminal, "3", f"{PAIRS:,} of {PAIRS:,}")))
    percentiles("cursor key, scrolling from the 48th on", held(terminal, "j", first_frame))
    percentiles("page key", held(terminal, "\x1b[6~", first_frame))
    say("a page and the pair beside it", ms(settled(terminal, "\x1b[6~")))
    say("to the end of the list", ms(settled(terminal, "G")))
    say("sorted anew", ms(until(terminal, "s", "by margin before training")))
    say("sorted anew", ms(until(terminal, "s", "by change of margin")))
    for text in ("regime:resisted feature_5:r>c", "theta:-5..5 or -helpful:same", "xylophonist"):
        terminal.press(f"/{text}", "enter applies")
        say(f"filtered by {text}", ms(until(terminal, "\r", f"of {PAIRS:,} pairs")))
        terminal.press("/" + "\x7f" * (len(text) + 1), "enter applies")
        terminal.press("\r", f"{PAIRS:,} of {PAIRS:,}")
    terminal.quiet(1.0)
    before = len(terminal.output)
    terminal.read(3.0)
    say("sent in 3 idle seconds", f"{len(terminal.output) - before} bytes")
    say("memory at most", f"{memory(terminal.process.pid):,.0f} MiB")
    terminal.write("q")
    assert terminal.ended() == 0


def data_table(run: Path) -> None:
    began = time.perf_counter()
    terminal = Terminal([sys.executable, "-m", "tests.perf.data_table", str(PAIRS)])
    terminal.knows_frames()
    terminal.read_until("resisted", timeout=300)
    say("Textual's DataTable: first rows painted", ms(time.perf_counter() - began))
    percentiles("Textual's DataTable: cursor key", held(terminal, "\x1b[B", first_frame))
    percentiles("Textual's DataTable: page key", held(terminal, "\x1b[6~", first_frame))
    say("Textual's DataTable: sorted anew", ms(settled(terminal, "s")))
    say("Textual's DataTable: memory at most", f"{memory(terminal.process.pid):,.0f} MiB")
    terminal.write("\x11")
    terminal.ended()


def exploring() -> None:
    """The explorer on a terminal of 160×50, and Textual's DataTable with the same rows."""
    with finished_run() as run:
        explorer(run)
        data_table(run)
