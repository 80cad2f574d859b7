"""Back ends that come from somebody's own package: found, used, resumed, and known by what they
are; and run folders that are opened where the package is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import study as studies
from engine.backends.kinds import LABELERS
from engine.errors import BadInput
from engine.executors.settings import EXECUTORS
from engine.service import Engine
from tests.command import COMMAND
from tests.engine.studies import prepare, run_to_end
from tests.engine.test_pipeline import rows
from tests.fault.tiny import write_light_study

LABELER = '''
from pathlib import Path

import numpy as np

from engine.backends.base import LabelerBackend, Shape
from engine.models.protocols import Labels

VERSION = 1


class WordLabeler(LabelerBackend, frozen=True, kw_only=True, tag="words"):
    """A feature holds where the response has the word."""

    word: str
    log: str
    shape = Shape(5, 10_000)

    @property
    def title(self):
        return f"the word {self.word}"

    def fingerprint(self, use, device):
        return {**super().fingerprint(use, device), "version": VERSION}

    def build(self, use, device):
        return Words(self, len(use.features))


class Words:
    def __init__(self, settings, width):
        self.settings, self.width = settings, width

    def label(self, texts):
        with Path(self.settings.log).open("a") as log:
            log.writelines(f"{text.text_id}\\n" for text in texts)
        has = [self.settings.word in text.response for text in texts]
        values = np.repeat(np.array(has, dtype=np.int8)[:, None], self.width, axis=1)
        return Labels(values, values.astype(np.float32), (None,) * len(texts))
'''
EXECUTOR = """
from engine.executors.settings import ExecutorSettings
from engine.executors.workers import Workers


class Careful(ExecutorSettings, frozen=True, kw_only=True, tag="careful"):
    host: str

    def start(self, stop):
        print(f"on {self.host}")
        return Workers("cpu", self.batch_limit_s, stop)
"""
ENTRIES = """[seal_tui.backends]
labeler.words = their_labels:WordLabeler
labeler.missing = their_labels:Gone
labeler.other = their_labels:WordLabeler
executor.careful = their_executor:Careful
"""
Install = Callable[[Path], Path]


def write_package(site: Path) -> Path:
    """A package as pip would leave it in site-packages."""
    (site / "their_labels-1.0.dist-info").mkdir(parents=True)
    info = site / "their_labels-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-labels\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    (site / "their_labels.py").write_text(LABELER)
    (site / "their_executor.py").write_text(EXECUTOR)
    return site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = write_package(tmp_path / "site")
    monkeypatch.syspath_prepend(str(site))
    for name in ("their_labels", "their_executor"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return site


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study whose labels are that package's, with recorded rewards."""
    path = write_light_study(tmp_path / "study", "http://localhost:1/v1")
    text = path.read_text()
    begin, end = text.index("[labelers.main]"), text.index("[rewards.pre]")
    own = f'[labelers.main]\nbackend = "words"\nword = "you"\nlog = "{tmp_path / "asked"}"\n'
    path.write_text(text[:begin] + own + text[end:])
    return path


def asked(tmp_path: Path) -> list[str]:
    """The texts that the labeler was given since last asked."""
    log = tmp_path / "asked"
    found = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return found


def test_a_labeler_of_another_package_labels_resumes_and_is_known_by_its_fingerprint(
    site: Path, study: Path, tmp_path: Path
) -> None:
    run = prepare(study, tmp_path / "run")
    status = run_to_end(run)
    assert status.state == "done", status.error
    assert len(asked(tmp_path)) == len(set(row[1] for row in rows(run)["labels"])) == 24
    engine = Engine(run)
    try:
        (labeler,) = [m for m in engine.info().models if m.role == "labeler main"]
        assert (labeler.model, labeler.detail) == ("the word you", "words")
    finally:
        engine.close()

    assert run_to_end(run).state == "done"
    assert asked(tmp_path) == [], "labels are there already"

    code = (site / "their_labels.py").read_text()
    (site / "their_labels.py").write_text(code.replace("VERSION = 1", "VERSION = 2 "))
    assert run_to_end(run).state == "done"
    assert len(asked(tmp_path)) == 24, "another version labels anew"


def test_an_engine_process_finds_the_package_and_its_executor(
    site: Path, study: Path, tmp_path: Path
) -> None:
    study.write_text(
        study.read_text().replace('devices = "cpu"', 'kind = "careful"\nhost = "here"')
    )
    done = seal("run", study, "--run-dir", tmp_path / "run", "--headless", site=site)
    assert done.returncode == 0, done.stderr
    assert len(asked(tmp_path)) == 24
    assert "on here" in (tmp_path / "run" / "engine.log").read_text()
    seal("stop", tmp_path / "run", site=site)


def seal(*words: object, site: Path) -> subprocess.CompletedProcess[str]:
    """A command of the program in an environment where the package is installed."""
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )


# ---------------------------------------------------------------- wrong in the study file


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('word = "you"\n', ""), "labelers.main.word is missing: backend 'words' needs it"),
        (('word = "you"', "word = 3"), "labelers.main.word: must be text, not a whole number"),
        (('word = "you"', 'word = ""'), "labelers.main.word is empty"),
        (('word = "you"', 'word = "x"\nwrod = "y"'), "labelers.main.wrod: unknown key of backend"),
        (('"words"', '"missing"'), "their_labels:Gone cannot be loaded (AttributeError"),
        (('"words"', '"other"'), "their_labels:WordLabeler is not a Backend with tag 'other'"),
        (
            ('"words"', '"word"'),
            "use one of endpoint, heads, none, recorded, torch, missing, oth",
        ),
    ],
)
def test_its_keys_are_checked_as_if_they_were_built_in(
    change: tuple[str, str], words: str, site: Path, study: Path
) -> None:
    study.write_text(study.read_text().replace(*change))
    with pytest.raises(BadInput) as caught:
        studies.load(study)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_class_that_lacks_a_method_is_refused_by_name(site: Path, study: Path) -> None:
    code = (site / "their_labels.py").read_text()
    (site / "their_labels.py").write_text(code.replace("def build", "def built"))
    with pytest.raises(BadInput, match="does not define build"):
        studies.load(study)


# ---------------------------------------------------------------- where it is not installed


def test_a_run_folder_opens_where_the_package_is_not_and_says_what_a_run_lacks(
    site: Path, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare(study, tmp_path / "run")
    assert run_to_end(run).state == "done"
    before = (run / "study.json").read_bytes()
    sys.path.remove(str(site))
    engine = Engine(run)
    try:
        assert studies.dump_resolved(engine.study) == before, "nothing of its settings is lost"
        assert engine.metrics().tables.alignment
        assert not engine.info().changed
        with pytest.raises(BadInput, match=r"labelers.main: .*unknown labeler.*install"):
            engine.start()
        assert engine.status().state == "done"
    finally:
        engine.close()


# ---------------------------------------------------------------- never from a folder


def test_nothing_that_lies_in_the_working_folder_is_a_back_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data or run folder may hold what looks like an installed package."""
    folder = write_package(tmp_path / "data")
    monkeypatch.chdir(folder)
    for path in ("", ".", str(folder)):
        monkeypatch.setattr(sys, "path", [path, *sys.path])
    assert "words" not in LABELERS.names()
    with pytest.raises(BadInput, match="unknown labeler"):
        LABELERS.find("words", "labelers.main.backend")
    with pytest.raises(BadInput, match="unknown executor"):
        EXECUTORS.find("careful", "executor.kind")


def test_a_built_in_name_cannot_be_taken(site: Path) -> None:
    (site / "their_labels-1.0.dist-info" / "entry_points.txt").write_text(
        "[seal_tui.backends]\nlabeler.heads = their_labels:WordLabeler\n"
    )
    assert LABELERS.find("heads", "").__module__ == "engine.backends.labelers.heads"


def test_two_packages_with_one_name_are_told_apart_by_nobody(site: Path) -> None:
    second = site / "second-1.0.dist-info"
    shutil.copytree(site / "their_labels-1.0.dist-info", second)
    (second / "entry_points.txt").write_text("[seal_tui.backends]\nlabeler.words = second:Words\n")
    (second / "METADATA").write_text("Metadata-Version: 2.1\nName: second\nVersion: 1.0\n")
    with pytest.raises(BadInput, match="provided by two packages"):
        LABELERS.find("words", "labelers.main.backend")
