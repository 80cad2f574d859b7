"""`seal-tui export` and `import --ledger`, as a user or a script runs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import launch
from engine.service import Engine
from engine.wire.client import SyncEngineClient
from engine.wire.messages import MarkChange, MarkRequest
from tests.engine.conftest import end_engine
from tests.engine.studies import prepare, write_study
from tests.tui import recorded

from .conftest import Answer

Command = Callable[..., Answer]
PAIRS = 24


@pytest.fixture(scope="module")
def _decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = recorded.build(tmp_path_factory.mktemp("recorded"))
    engine = Engine(run)
    for ids, verdict in (((0, 1), "flip"), ((2,), "drop"), ((3,), "tie")):
        change = MarkChange(verdict=verdict)  # type: ignore[arg-type]
        engine.mark(MarkRequest(pair_ids=ids, change=change, author="kim"))
    engine.close()
    return run


@pytest.fixture(scope="module")
def run(_decided: Path) -> Iterator[Path]:
    """One run and its engine for all: what these tests write is theirs, the run stays as it is."""
    launch.ensure_engine(_decided)
    yield _decided
    end_engine(_decided)


def test_an_export_prints_a_summary_and_writes_the_file(
    seal_tui: Command, run: Path, tmp_path: Path
) -> None:
    done = seal_tui("export", run, "--to", "out.jsonl", "--author", "kim")
    assert (done.returncode, done.stderr) == (0, "")
    path = tmp_path / "here" / "out.jsonl"
    assert done.stdout.splitlines() == [
        "24 pairs in total, with the decisions of kim",
        "  2 flip · 1 drop · 1 tie · 20 undecided",
        "  22 rows as trl",
        f"written: {path}",
    ]
    assert len(path.read_text("utf-8").splitlines()) == 22


def test_a_dry_run_writes_nothing(seal_tui: Command, run: Path, tmp_path: Path) -> None:
    done = seal_tui("export", run, "--to", "out.csv", "--dry-run", "--json", "--author", "kim")
    summary = json.loads(done.stdout)
    assert (summary["format"], summary["pairs"], summary["rows"], summary["state"]) == (
        "csv",
        24,
        24,
        None,
    )
    assert not (tmp_path / "here" / "out.csv").exists()


def test_json_is_one_object_with_the_path(seal_tui: Command, run: Path, tmp_path: Path) -> None:
    done = seal_tui(
        *("export", run, "--to", "set", "--format", "hub", "--json", "--author", "kim"),
        *("--where", "verdict:flip or verdict:tie", "--ties", "keep"),
    )
    summary = json.loads(done.stdout)
    assert (summary["state"], summary["pairs"], summary["rows"]) == ("done", 3, 3)
    assert summary["path"] == str(tmp_path / "here" / "set")


def test_the_options_of_an_export_are_in_its_provenance(
    seal_tui: Command, run: Path, tmp_path: Path
) -> None:
    done = seal_tui(
        *("export", run, "--to", "s.jsonl", "--format", "trl-implicit", "--author", "kim"),
        *("--soft-labels", "reviewers", "--tokenizer", "embedded:smollm2", "--max-length", "12"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "  too long: over 12 tokens of embedded:smollm2" in done.stdout.splitlines()
    assert "22 too long" in done.stdout
    path = tmp_path / "here" / "s.jsonl"
    assert json.loads(path.read_text("utf-8").splitlines()[0])["soft_label"] == 1.0
    origin = json.loads(path.with_name("s.jsonl.provenance.json").read_text("utf-8"))
    assert (origin["soft_labels"], origin["tokenizer"]) == ("reviewers", "embedded:smollm2")
    assert (origin["max_length"], len(origin["decisions_sha256"])) == (12, 64)


def test_decisions_of_another_author_are_mentioned(seal_tui: Command, run: Path) -> None:
    done = seal_tui("export", run, "--to", "out.jsonl", "--author", "lee")
    assert "lee has no decisions; reviewers: kim (see --author)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--to", "x"), "choose from trl, trl-messages"),
        (("--to", "x.jsonl", "--format", "xml"), "unknown export format 'xml'"),
        (("--to", "gone/x.jsonl"), "create it first"),
        (("--to", "x.csv", "--format", "report"), "an export as report must end in .md or .html"),
        (("--to", "x.csv", "--format", "same"), "an export as same must end in .jsonl"),
        (("--to", "x.csv", "--margin"), "csv rows have no margin: choose trl, trl-messages"),
        (("--to", "x.csv", "--where", "regime:stayd"), "at “stayd” (character 8)"),
        (("--to", "x.csv", "--where", "margin<"), "--where, at "),
    ],
)
def test_an_invalid_export_is_one_line_and_exit_code_2(
    seal_tui: Command, run: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = seal_tui("export", run, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_existing_file_is_replaced_only_with_overwrite(
    seal_tui: Command, run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "here" / "out.csv"
    path.write_text("mine")
    done = seal_tui("export", run, "--to", "out.csv")
    assert done.returncode == 2
    assert f"{path} exists" in done.stderr
    assert "--overwrite" in done.stderr
    assert path.read_text() == "mine"
    assert seal_tui("export", run, "--to", "out.csv", "--overwrite").returncode == 0


def test_a_run_without_measures_has_nothing_to_export(
    seal_tui: Command, tmp_path: Path, start_engine: Callable[[Path], Path]
) -> None:
    run = prepare(write_study(tmp_path / "study"), tmp_path / "new")
    start_engine(run)
    done = seal_tui("export", run, "--to", "out.jsonl")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_a_ledger_transfers_decisions_between_runs(
    seal_tui: Command, run: Path, tmp_path: Path, start_engine: Callable[[Path], Path]
) -> None:
    other = tmp_path / "other"
    shutil.copytree(recorded.build(_made(tmp_path / "again")), other)
    start_engine(other)
    assert seal_tui("export", run, "--to", "l.jsonl", "--format", "ledger").returncode == 0
    first = seal_tui("import", other, "--ledger", "l.jsonl")
    assert (first.returncode, first.stdout) == (0, "4 changes imported, 0 already present\n")
    again = seal_tui("import", other, "--ledger", "l.jsonl")
    assert again.stdout == "0 changes imported, 4 already present\n"
    preview = seal_tui("export", other, "--to", "o.jsonl", "--author", "kim")
    assert "2 flip · 1 drop · 1 tie" in preview.stdout


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b'{"id": 1}\n', "is not a ledger"),
        (b'{"seal_tui": {"format": "trl"}}\n', "is not a ledger"),
        (b'{"seal_tui": {"format": "ledger"}}\n{"time": "now"}\n', "line 2: not a ledger row"),
        (b"\x1f\x8b\x08\x00broken", "is corrupt"),
    ],
)
def test_a_file_that_is_not_a_ledger_changes_nothing(
    seal_tui: Command, run: Path, tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "l.jsonl"
    if content is not None:
        path.write_bytes(content)
    done = seal_tui("import", run, "--ledger", path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert words in done.stderr


def test_a_ledger_excludes_other_imports(seal_tui: Command, run: Path) -> None:
    done = seal_tui("import", run, "--ledger", "l.jsonl", "--labels", "x.csv")
    assert done.returncode == 2
    assert "--ledger takes no other options" in done.stderr


def test_the_explorers_calls_reach_the_engine(
    _decided: Path, tmp_path: Path, start_engine: Callable[[Path], Path]
) -> None:
    from engine.wire.endpoints import CANCEL_EXPORT, EXPORT, EXPORT_STATUS, PREVIEW_EXPORT
    from engine.wire.messages import ExportRequest

    run = Path(
        shutil.copytree(_decided, tmp_path / "run", ignore=shutil.ignore_patterns("engine.*"))
    )
    with SyncEngineClient.at(start_engine(run)) as client:
        assert client.ask(EXPORT_STATUS()).state == "idle"
        request = ExportRequest(format="report", path="r.html", author="kim")
        assert client.ask(PREVIEW_EXPORT(request)).pairs == PAIRS
        status = client.ask(EXPORT(request))
        while status.state == "running":
            status = client.ask(EXPORT_STATUS())
        assert (status.state, status.path) == ("done", str(run / "exports" / "r.html"))
        assert client.ask(CANCEL_EXPORT()).state == "done"
