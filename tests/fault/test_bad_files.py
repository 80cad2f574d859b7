"""Data as it comes: cut off, mixed up, far too long, empty, or a million lines of it."""

from __future__ import annotations

import gzip
import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Kind
from engine.store import Store
from tests.engine.studies import prepare, run_to_end, sample_rows
from tests.fault.conftest import KILLS, Tally
from tests.fault.tiny import write_light_study, write_scores

pytestmark = pytest.mark.fault("bad inputs")

MILLION = 1_000_000
LONG = {"id": "long", "chosen": "\n\nHuman: Hi\n\nAssistant: " + "a b " * 240_000}
LONG["rejected"] = LONG["chosen"] + "!"


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def with_nul(rows: list[dict[str, Any]]) -> bytes:
    return lines([{**rows[0], "chosen": rows[0]["chosen"] + "\x00\x1b[2J"}, *rows[1:]])


# name → (the file made of 30 good rows, how many of them are still there, the rejects)
Damage = Callable[[list[dict[str, Any]]], bytes]
FILES: dict[str, tuple[Damage, int, dict[str, int]]] = {
    "a corrupt line": (
        lambda r: lines(r[:9]) + b'{"id": }\n' + lines(r[9:]), 30, {"unparsable_json": 1}
    ),
    "a raw NUL": (lambda r: lines(r[:9]) + b"\x00\n" + lines(r[9:]), 30, {"unparsable_json": 1}),
    "a NUL in a text": (with_nul, 30, {}),
    "invalid UTF-8": (lambda r: lines(r) + b'{"id": "\xff\xfe"}\n', 30, {"bad_utf8": 1}),
    "a byte order mark": (lambda r: b"\xef\xbb\xbf" + lines(r), 30, {}),
    "CRLF": (lambda r: lines(r).replace(b"\n", b"\r\n"), 30, {}),
    "a conversation of 1 MB": (lambda r: lines([*r, LONG]), 31, {}),
    "a conversation of 4 MB": (
        lambda r: lines([*r, {**LONG, "chosen": LONG["chosen"] * 4}]), 30, {"too_long": 1}
    ),
    "a whole gzip": (lambda r: gzip.compress(lines(r)), 30, {}),
}  # fmt: skip


def study_of(content: bytes, folder: Path, rows: list[dict[str, Any]]) -> Path:
    study = write_light_study(folder, "", rows)
    (folder / "pairs.jsonl").write_bytes(content)
    return study


@pytest.mark.parametrize("name", FILES)
def test_what_is_good_is_kept_and_what_is_not_is_counted(
    name: str, tmp_path: Path, tally: Tally
) -> None:
    damage, good, rejects = FILES[name]
    rows = sample_rows(30)
    study = study_of(damage(rows), tmp_path / "study", [*rows, LONG] if good > 30 else rows)
    run = prepare(study, tmp_path / "run")
    status = run_to_end(run)
    kept = status.counts.get("scored pairs", 0)
    tally.add(1, survived=int(status.state == "done"), lost=good - kept)
    assert status.state == "done", status.error
    assert status.rejects == rejects
    assert kept == good
    store = Store(run / "seal.duckdb")
    try:
        found = {key for (key,) in store.read("SELECT source_id FROM pairs").fetchall()}
    finally:
        store.close()
    assert {row["id"] for row in rows} <= found


REFUSED: dict[str, tuple[Damage, str]] = {
    "a truncated gzip": (lambda r: gzip.compress(lines(r))[:-30], "ends unexpectedly"),
    "a damaged gzip": (
        lambda r: gzip.compress(lines(r))[:-8] + b"\x00" * 8, "corrupt"
    ),
    "an empty file": (lambda r: b"", "it has no rows"),
    "an empty gzip": (lambda r: gzip.compress(b""), "it has no rows"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_which_nobody_knows_what_is_missing_is_refused_in_one_line(
    name: str, tmp_path: Path, tally: Tally
) -> None:
    damage, words = REFUSED[name]
    rows = sample_rows(30)
    study = study_of(damage(rows), tmp_path / "study", rows)
    run = prepare(study, tmp_path / "run")
    status = run_to_end(run)
    assert (status.state, status.error_kind) == ("failed", Kind.BAD_INPUT)
    assert status.error is not None
    assert words in status.error
    assert "\n" not in status.error
    # The file comes again, whole, and the same folder takes it.
    (study.parent / "pairs.jsonl").write_bytes(lines(rows))
    status = run_to_end(run)
    assert status.state == "done", status.error
    tally.add(1, refused=1, lost=30 - status.counts["scored pairs"])


@pytest.mark.skipif(not KILLS, reason="half a minute; part of make fault")
def test_a_file_of_a_million_lines_is_read_sampled_and_run(tmp_path: Path, tally: Tally) -> None:
    study = write_light_study(tmp_path / "study", "", sample_rows(1))
    with (study.parent / "pairs.jsonl").open("w") as file:
        for n in range(MILLION):
            turn = f"\\n\\nHuman: What is {n} and one?\\n\\nAssistant: It is"
            file.write(f'{{"id": "{n}", "chosen": "{turn} {n + 1}", "rejected": "{turn} {n}"}}\n')
    for role in ("pre", "post"):
        write_scores(study.parent / f"{role}.jsonl", role, [str(n) for n in range(MILLION)])
    study.write_text(study.read_text().replace("[taxonomy]", "limit = 5000\n[taxonomy]"))
    status = run_to_end(prepare(study, tmp_path / "run"))
    assert status.state == "done", status.error
    assert status.counts["rows"] == MILLION
    tally.add(1, survived=1, lost=5_000 - status.counts["scored pairs"])
    assert status.counts["scored pairs"] == 5_000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.1f} GiB")
