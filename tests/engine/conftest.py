"""Runs of small real studies, made once and copied; engine processes that end with their test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Before torch is imported here or in a child: two cores are shared by the tests and their workers.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import filelock
import pytest

from engine import launch, outside
from engine import study as studies
from tests.engine.studies import prepare, run_to_end, stand_in_rewriter, until, write_study


@pytest.fixture(scope="session", autouse=True)
def _short_sockets() -> Iterator[None]:
    """A runtime folder of this test process; engines that a test forgets leave by themselves."""
    folder = tempfile.mkdtemp(prefix="seal-", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        patch.setenv("SEAL_TUI_IDLE_S", "60")
        yield
    shutil.rmtree(folder, ignore_errors=True)


# A post-D model close to pre-D: margins stay small, and some verdicts change with the wording.
NEAR_PRE = '[rewards.post]\ncontinue_from = "pre"\npenalty = 0.001\n'


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One finished run with rewrites, shared by all test processes, never written to."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "finished"
    with filelock.FileLock(base / "finished.lock"):
        if not (folder / "manifest.json").exists():
            with stand_in_rewriter() as (url, _):
                study = write_study(
                    folder / "study", rewriter_url=url, extra=NEAR_PRE, shortest=False
                )
                prepare(study, folder)
                status = run_to_end(folder)
                assert status.state == "done", status.error
    return folder


@pytest.fixture
def finished(_finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run for one test, whose study the user has seen there too."""
    copy = Path(shutil.copytree(_finished, tmp_path / "finished"))
    study = studies.loads_resolved((copy / "study.json").read_bytes())
    outside.remember(outside.of(study, copy))
    return copy


@pytest.fixture
def start_engine() -> Iterator[Callable[[Path], Path]]:
    """`launch.ensure_engine`; whatever engine holds one of its folders is ended with the test."""
    folders: set[Path] = set()

    def start(folder: Path) -> Path:
        folders.add(folder)
        return launch.ensure_engine(folder)

    yield start
    for folder in folders:
        end_engine(folder)


def end_engine(folder: Path) -> None:
    found = launch.holder(folder)
    if found is not None and found.pid != os.getpid():
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGTERM)
            until(lambda: not alive(found.pid), "the engine leaves at SIGTERM", 20)


def alive(pid: int) -> bool:
    """Whether this process runs; a child that ended but was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False
