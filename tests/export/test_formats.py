"""Every export format, written by a real engine and read back as its users would."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from engine.data.readers import Source, read_pairs
from engine.export.place import CARD, DATA
from engine.export.provenance import KEY
from engine.service import Engine

from .conftest import DECIDED, PAIRS, Export, decide, read

LEFT_OUT = {*DECIDED["drop"], *DECIDED["tie"], *DECIDED["discuss"]}


def stored(engine: Engine, pair_id: int) -> tuple[str, str, str]:
    """(source_id, chosen, rejected) of a pair in its original order."""
    row = engine.store.read(
        "SELECT p.source_id, c.transcript, r.transcript FROM pairs AS p "
        "JOIN texts AS c ON c.text_id = p.chosen_id JOIN texts AS r ON r.text_id = p.rejected_id "
        "WHERE p.pair_id = ?",
        [pair_id],
    ).fetchone()
    return (row[0], row[1], row[2])


def as_decided(engine: Engine, left_out: set[int] = LEFT_OUT) -> list[tuple[str, str, str]]:
    """The expected rows of a training export."""
    rows = []
    for pair_id in range(PAIRS):
        source, chosen, rejected = stored(engine, pair_id)
        if pair_id in DECIDED["flip"]:
            chosen, rejected = rejected, chosen
        if pair_id not in left_out:
            rows.append((source, chosen, rejected))
    return rows


def transcripts(path: Path) -> list[tuple[str, str, str]]:
    """The same of an export, read as a dataset."""
    return [(p.source_id, p.chosen.transcript, p.rejected.transcript) for p in read(path)]


@pytest.mark.parametrize("form", ["trl", "trl-messages", "trl-implicit", "trl-implicit-messages"])
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.parquet"])
def test_training_rows_read_as_a_dataset_are_the_pairs_as_decided(
    decided: Engine, export: Export, form: str, name: str
) -> None:
    status, path = export(form, name)
    assert (status.state, status.error) == ("done", None)
    rows = [
        (pair.source_id, pair.chosen.transcript, pair.rejected.transcript) for pair in read(path)
    ]
    assert rows == as_decided(decided)
    assert status.done == status.total == len(rows)
    assert {pair.topic for pair in read(path)} == {"culture", "health", "arts", "people"}


def test_a_dataset_folder_reads_as_a_dataset(decided: Engine, export: Export) -> None:
    status, folder = export("hub", "set")
    assert (status.state, status.error) == ("done", None)
    assert [
        (p.source_id, p.chosen.transcript, p.rejected.transcript) for p in read(folder)
    ] == as_decided(decided)


def test_the_datasets_library_loads_a_dataset_folder(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets: Any = pytest.importorskip("datasets")
    _, folder = export("hub", "set")
    splits = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert list(splits) == ["train"]
    rows = splits["train"]
    assert len(rows) == PAIRS - len(LEFT_OUT)
    assert rows.column_names == ["id", "topic", "prompt", "chosen", "rejected", "verdict"]
    assert [message["role"] for message in rows[0]["chosen"]] == ["assistant"]
    assert rows[0]["verdict"] == "flip"
    card: Any = pytest.importorskip("huggingface_hub").DatasetCard.load(folder / CARD)
    assert card.data.pretty_name == "harmless demo"
    assert card.data.configs[0]["data_files"] == [{"split": "train", "path": "data/train-*"}]


@pytest.mark.parametrize("name", ["kto.jsonl", "kto.parquet"])
def test_kto_rows_label_the_preferred_answer(decided: Engine, export: Export, name: str) -> None:
    status, path = export("kto", name)
    assert status.error is None
    rows = (
        parquet.read_table(path).to_pylist()
        if name.endswith(".parquet")
        else [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    )
    for label, column in ((True, 1), (False, 2)):
        texts = [row["prompt"] + row["completion"] for row in rows if row["label"] == label]
        assert texts == [expected[column] for expected in as_decided(decided)]


def test_a_csv_file_lists_every_pair_in_its_original_order_with_its_decision(
    decided: Engine, export: Export
) -> None:
    decide(decided, (1,), flag="on", note="=HYPERLINK(1)\x1b[2J", add_tags=("style", "short"))
    status, path = export("csv", "pairs.csv")
    assert (status.state, status.done) == ("done", PAIRS)
    rows = list(csv.DictReader(path.open(encoding="utf-8-sig", newline="")))
    assert [int(row["pair_id"]) for row in rows] == list(range(PAIRS))
    assert [row["verdict"] for row in rows[:6]] == ["flip", "", "drop", "tie", "discuss", "keep"]
    assert (rows[1]["flagged"], rows[1]["tags"]) == ("yes", "short style")
    assert rows[1]["note"] == "'=HYPERLINK(1)␛[2J"
    assert (rows[0]["id"], rows[0]["prompt"] + rows[0]["chosen"]) == stored(decided, 0)[:2]
    assert float(rows[0]["margin_pre"]) < 0  # a number, although it starts like a formula
    assert len(list(read_pairs(Source(path)))) == PAIRS


def test_options_keep_ties_and_pairs_in_discussion(decided: Engine, export: Export) -> None:
    _, path = export("trl", "out.jsonl", ties="keep", discuss="keep")
    rows = [
        (pair.source_id, pair.chosen.transcript, pair.rejected.transcript) for pair in read(path)
    ]
    assert rows == as_decided(decided, {*DECIDED["drop"]})


def test_only_the_pairs_of_a_filter_are_written(decided: Engine, export: Export) -> None:
    _, path = export("trl", "out.jsonl", filter="verdict:flip")
    assert [pair.source_id for pair in read(path)] == [stored(decided, i)[0] for i in (0, 7)]


def test_an_author_without_decisions_exports_the_human_preferences(
    decided: Engine, export: Export
) -> None:
    _, path = export("trl", "out.jsonl", author="lee")
    assert transcripts(path) == [stored(decided, i) for i in range(PAIRS)]


def test_an_empty_selection_gives_a_file_without_rows(export: Export) -> None:
    for form, name in (("trl", "a.jsonl"), ("trl", "a.parquet"), ("csv", "a.csv"), ("hub", "a")):
        status, path = export(form, name, filter='"no text has these words"')
        assert (status.state, status.total) == ("done", 0)
        assert path.exists()
    assert parquet.read_table(path / DATA).num_rows == 0


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_importing_a_ledger_twice_adds_its_decisions_once(
    decided: Engine, export: Export, recorded_run: Path, tmp_path: Path, name: str
) -> None:
    import shutil

    from engine.wire.messages import LedgerFile

    decide(decided, (0,), "lee", verdict="keep", note="both are fine")
    status, path = export("ledger", name, author="lee")
    assert status.done == sum(len(ids) for ids in DECIDED.values()) + 1
    other = Engine(Path(shutil.copytree(recorded_run, tmp_path / "other")))
    try:
        first = other.import_ledger_file(LedgerFile(path=str(path)))
        again = other.import_ledger_file(LedgerFile(path=str(path)))
        assert (first.applied, first.already_there, first.unknown) == (status.done, 0, 0)
        assert (again.applied, again.already_there, again.unknown) == (0, status.done, 0)
        marks = "SELECT pair_id, author, verdict, note FROM pair_marks ORDER BY ALL"
        assert other.store.read(marks).fetchall() == decided.store.read(marks).fetchall()
    finally:
        other.close()


def test_a_ledger_with_a_filter_contains_only_its_pairs(decided: Engine, export: Export) -> None:
    status, path = export("ledger", "log.jsonl", filter="verdict:flip")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()[1:]]
    assert status.done == len(rows) == 2
    assert {row["new"]["verdict"] for row in rows} == {"flip"}


# ---------------------------------------------------------------- provenance


def provenance_of(path: Path) -> dict[str, Any]:
    """The provenance that an export contains or has next to it."""
    if path.is_dir():
        path = path / DATA
    if path.suffix == ".parquet":
        origin = parquet.read_schema(path).metadata[KEY.encode()]
    elif path.name.startswith("log"):
        origin = json.dumps(json.loads(path.read_text("utf-8").splitlines()[0])[KEY]).encode()
    elif path.suffix in (".md", ".html"):
        text = path.read_text("utf-8").replace("&quot;", '"')
        origin = text[text.index("{\n") : text.rindex("}") + 1].encode()
    else:
        origin = path.with_name(f"{path.name}.provenance.json").read_bytes()
    content: dict[str, Any] = json.loads(origin)
    return content


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("trl", "a.jsonl"),
        ("trl", "a.parquet"),
        ("kto", "a.jsonl.gz"),
        ("hub", "a"),
        ("csv", "a.csv"),
        ("ledger", "log.jsonl"),
        ("report", "a.md"),
    ],
)
def test_every_export_has_provenance(decided: Engine, export: Export, form: str, name: str) -> None:
    _, path = export(form, name, filter="-is:flagged")
    origin = provenance_of(path)
    manifest: Any = decided.manifest()
    assert origin["metrics_sha256"] == manifest["metrics_sha256"]
    assert origin["dataset_sha256"] == manifest["dataset"]["sha256"]
    assert (origin["filter"], origin["author"], origin["format"]) == ("-is:flagged", "kim", form)
    assert (origin["pairs"], origin["counts"]["flip"]) == (PAIRS, 2)
    assert origin["program"].startswith("seal-tui ")


def test_a_sidecar_has_the_digest_of_its_file(export: Export) -> None:
    import hashlib

    _, path = export("trl", "a.jsonl.gz")
    assert provenance_of(path)["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert gzip.decompress(path.read_bytes()).count(b"\n") == PAIRS - len(LEFT_OUT)


def test_the_preview_matches_the_export(decided: Engine, export: Export) -> None:
    from engine.wire.messages import ExportRequest

    for form, name in (
        ("trl", "a.jsonl"),
        ("kto", "k.jsonl"),
        ("csv", "c.csv"),
        ("ledger", "l.jsonl"),
    ):
        request = ExportRequest(format=form, path=name, author="kim")  # type: ignore[arg-type]
        preview = decided.preview_export(request)
        status, _ = export(form, name)
        assert preview.rows == status.done
        assert {v: preview.counts[v] for v in DECIDED} == {v: len(i) for v, i in DECIDED.items()}
        assert preview.authors == ("kim",)
