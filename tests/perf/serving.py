"""How fast the engine answers while its workers run flat out and their batches are committed.

    python -m tests.perf.serving [PAIRS]

A study is run to its end, its rewards are forgotten, and while two workers compute them again
(tiny models: mostly commits, and both cores busy) pages of 50 scattered rows are asked for.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import httpx
import msgspec

from engine import launch
from engine.paths import SAMPLE_DATA
from engine.store import Store
from engine.wire.messages import RunStatus
from tests.engine.studies import prepare, until
from tests.fault.tiny import build_models

PAIRS = 20_000
PAGE = 50


def write_study(folder: Path, pairs: int) -> Path:
    build_models(folder)
    rows = [json.loads(line) for line in (SAMPLE_DATA / "pairs.jsonl").open(encoding="utf-8")]
    with (folder / "pairs.jsonl").open("w", encoding="utf-8") as file:
        for n in range(pairs):
            row = rows[n % len(rows)]
            sides = {side: f"{row[side]} ({n})" for side in ("chosen", "rejected")}
            file.write(json.dumps({"id": str(n), **sides}) + "\n")
    path = folder / "study.toml"
    model = f'model = "{folder / "reward"}"'
    path.write_text(
        f'[data]\npath = "pairs.jsonl"\n[labelers.main]\nbackend = "none"\n'
        f"[rewards.pre]\n{model}\n[rewards.post]\n{model}\n"
        f'[rewrites]\nsample = 0\n[executor]\ndevices = "cpu,cpu"\n'
    )
    return path


def forget_rewards(run: Path) -> None:
    store = Store(run / "seal.duckdb")
    with store.write() as cursor:
        for table in ("scores", "rescored", "batches"):
            cursor.execute(f"DELETE FROM {table}")
    store.close()


def client(run: Path) -> httpx.Client:
    transport = httpx.HTTPTransport(uds=str(launch.ensure_engine(run)))
    return httpx.Client(transport=transport, base_url="http://engine", timeout=120)


def status(http: httpx.Client) -> RunStatus:
    return msgspec.json.decode(http.get("/status").content, type=RunStatus)


def at_work(http: httpx.Client) -> int | None:
    """Entries that are scored, None when no worker is at it."""
    stages = {stage.name: stage for stage in status(http).stages}
    found = [stages[name] for name in ("score:pre", "score:post")]
    running = [stage for stage in found if stage.state == "running" and stage.done < stage.total]
    return sum(stage.done for stage in found) if running else None


def pages(http: httpx.Client, pairs: int, go_on: int | None) -> list[float]:
    """Milliseconds a page: `go_on` pages, or with None until the workers are done."""
    chance = random.Random(7)
    times = []
    while go_on is None or len(times) < go_on:
        ids = chance.sample(range(pairs), PAGE)
        started = time.perf_counter()
        answer = http.post("/pairs/rows", json={"ids": ids})
        times.append((time.perf_counter() - started) * 1000)
        assert len(answer.json()) == PAGE
        time.sleep(0.02)  # a person holds a key down
        if go_on is None and len(times) % 10 == 0 and at_work(http) is None:
            break
    return times


def say(what: str, times: list[float]) -> None:
    times = sorted(times)
    p50, p99 = (times[int(len(times) * share)] for share in (0.5, 0.99))
    print(
        f"{what:<50}{len(times):>6} pages   p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   "
        f"longest {times[-1]:6.1f} ms",
        flush=True,
    )


def run_to_end(http: httpx.Client) -> None:
    assert http.post("/run").status_code == 200
    until(lambda: status(http).state != "running", "the run ends", 1_200)
    assert status(http).state == "done", status(http).error


def stop_engine(http: httpx.Client, run: Path) -> None:
    http.post("/shutdown")
    until(lambda: not launch.held(run), "the engine leaves", 60)


def serving(pairs: int = PAIRS) -> None:
    """Pages of rows over the socket, with the engine idle and with two workers flat out."""
    with tempfile.TemporaryDirectory(prefix="seal-", dir="/tmp") as name:
        os.environ["XDG_RUNTIME_DIR"] = name
        folder = Path(name)
        run = prepare(write_study(folder, pairs), folder / "run")
        with client(run) as http:
            run_to_end(http)
            say("a page of 50 scattered rows, engine idle", pages(http, pairs, 300))
            stop_engine(http, run)
        forget_rewards(run)
        with client(run) as http:
            assert http.post("/run").status_code == 200
            until(lambda: (at_work(http) or 0) > 500, "two workers are at it", 300)
            started, before = time.perf_counter(), at_work(http) or 0
            times = pages(http, pairs, None)
            seconds = time.perf_counter() - started
            say("the same while two workers run flat out", times)
            done = sum(s.done for s in status(http).stages if s.name.startswith("score:")) - before
            print(f"  meanwhile {done / seconds:,.0f} entries a second were scored and committed")
            until(lambda: status(http).state != "running", "the run ends", 600)
            stop_engine(http, run)


if __name__ == "__main__":
    serving(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS)
