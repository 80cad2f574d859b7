"""The most memory that reading, checking and storing a large dataset takes, each in a process."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engine import memory, taxonomy
from engine.paths import SAMPLE_DATA
from seal_tui.cli import importing

PAIRS = 160_800
MANY = 1_000_000
WORDS = "so that the text has the length of an answer in the paper's data " * 12


def remembering() -> None:
    """Peak memory: importing 160,800 recorded pairs, storing 1,000,000 pairs."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        _import(here)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        _write_pairs(here / "pairs.jsonl.gz", MANY)
        (here / "study.toml").write_text(
            '[data]\npath = "pairs.jsonl.gz"\n[rewrites]\nsample = 0\n'
        )
        _say(f"read and store {MANY:,} pairs", "store", here)
        size = (here / "seal.duckdb").stat().st_size
        print(f"the database has {size / 2**30:.1f} GiB")


def _import(here: Path) -> None:
    _write_pairs(here / "pairs.jsonl.gz", PAIRS)
    _write_labels(here / "labels.csv", PAIRS)
    for role in ("pre", "post"):
        with (here / f"{role}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("row_id", "chosen_score", "rejected_score"))
            rows.writerows((n, n % 17 - 8.5, n % 13 - 6.5) for n in range(PAIRS))
    files = importing.Files(
        None,
        [str(here / "labels.csv")],
        [f"{role}={here / role}.csv" for role in ("pre", "post")],
        None,
        None,
        False,
    )
    text = importing.study("bench", files).replace("labels.csv", "pairs.jsonl.gz", 1)
    (here / "study.toml").write_text(text)
    print(f"files: {sum(file.stat().st_size for file in here.iterdir()) >> 20:,} MiB")
    _say(f"check {PAIRS:,} recorded pairs", "check", here)
    _say(f"import {PAIRS:,} recorded pairs, up to the measures", "run", here)


def _pairs(count: int) -> Iterator[tuple[str, str]]:
    rows = [json.loads(line) for line in (SAMPLE_DATA / "pairs.jsonl").open(encoding="utf-8")]
    for n in range(count):
        row = rows[n % len(rows)]
        yield f"{row['chosen']} {WORDS}({n})", f"{row['rejected']} {WORDS}({n})"


def _write_pairs(path: Path, count: int) -> None:
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        for chosen, rejected in _pairs(count):
            file.write(json.dumps({"chosen": chosen, "rejected": rejected}) + "\n")


def _write_labels(path: Path, count: int) -> None:
    features = [feature.released or feature.name for feature in taxonomy.load()]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("row_id", "preference", "text", *features))
        for n, sides in enumerate(_pairs(count)):
            for side, text in zip(("chosen", "rejected"), sides, strict=True):
                values = [(n >> at + (side == "chosen")) & 1 for at in range(len(features))]
                rows.writerow((n, side, text, *values))


def _say(what: str, work: str, here: Path) -> None:
    started = time.perf_counter()
    command = [sys.executable, "-m", "tests.perf.memory", work, str(here)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    took = time.perf_counter() - started
    peak = int(answer.stdout.split()[-1])
    print(f"{what:<58}{peak / 2**30:>8.2f} GiB at most, {took:,.0f} s", flush=True)


# ---------------------------------------------------------------- in a process of its own


def check(here: Path) -> None:
    from engine.run import recorded

    recorded.check(here / "study.toml")


def run(here: Path) -> None:
    """As `seal-tui import` does after the check."""
    from engine import study
    from engine.service import Engine

    (here / "run").mkdir()
    settings = study.load(here / "study.toml")
    (here / "run" / "study.json").write_bytes(study.dump_resolved(settings))
    engine = Engine(here / "run")
    engine.start()
    engine.join()
    status = engine.status()
    assert status.state == "done", status
    engine.close()


def store(here: Path) -> None:
    from engine import study
    from engine.run import ingest
    from engine.store import Store, dataset

    source = ingest.read(study.load(here / "study.toml"))
    opened = Store(here / "seal.duckdb")
    dataset.put_dataset(opened, source.digest, source.content, source.items(), source.groups)
    opened.close()


if __name__ == "__main__":
    {"check": check, "run": run, "store": store}[sys.argv[1]](Path(sys.argv[2]))
    print(memory.peak())
    sys.stdout.flush()
    os._exit(0)
