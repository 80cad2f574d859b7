"""A small real run of recorded results, with decisions."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.data import Conversation
from engine.data.pairs import Pair
from engine.data.readers import Source, read_pairs
from engine.data.reviewed import ReviewedPair
from engine.service import Engine
from engine.wire.messages import ExportRequest, ExportStatus, MarkChange, MarkRequest, Verdict
from tests.tui import recorded

# Pair ids by kim's decision; all other pairs are undecided.
DECIDED: dict[Verdict, tuple[int, ...]] = {
    "flip": (0, 7),
    "drop": (2,),
    "tie": (3,),
    "discuss": (4,),
    "keep": (5,),
}
PAIRS = 24
Export = Callable[..., tuple[ExportStatus, Path]]


@pytest.fixture(scope="session")
def recorded_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded.build(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def run(recorded_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded_run, tmp_path / "run"))


@pytest.fixture
def engine(run: Path) -> Iterator[Engine]:
    opened = Engine(run)
    yield opened
    opened.close()


@pytest.fixture
def decided(engine: Engine) -> Engine:
    """An engine with kim's decisions."""
    for verdict, ids in DECIDED.items():
        decide(engine, ids, verdict=verdict)
    return engine


def decide(engine: Engine, ids: tuple[int, ...], author: str = "kim", **change: Any) -> None:
    engine.mark(MarkRequest(pair_ids=ids, change=MarkChange(**change), author=author))


@pytest.fixture
def export(decided: Engine, tmp_path: Path) -> Export:
    """Exports kim's decisions to a file with this name and waits for the end."""

    def write(form: str, name: str, **settings: Any) -> tuple[ExportStatus, Path]:
        path = tmp_path / name
        request = ExportRequest(
            format=form,
            path=str(path),
            **{"author": "kim", **settings},
        )
        decided.export(request)
        decided.exports.join()
        return decided.exports.status(), path

    return write


def read(path: Path) -> list[Pair]:
    """The pairs of an export, read as a dataset."""
    pairs = list(read_pairs(Source(path)))
    assert all(isinstance(item, Pair) for item in pairs), pairs
    return pairs  # type: ignore[return-value]


def pair(chosen: str, rejected: str, **more: Any) -> ReviewedPair:
    """A pair with these transcripts and ordinary values elsewhere."""
    defaults: dict[str, Any] = {
        "pair_id": 0,
        "source_id": "s",
        "topic": None,
        "regime": "stayed",
        "opinion": "i",
        "margin_pre": -0.5,
        "margin_post": 0.25,
        "theta": None,
        "gain": None,
        "ambiguity": None,
        "verdict": None,
        "flagged": False,
        "note": "",
        "tags": (),
    }
    sides = Conversation.of_transcript(chosen), Conversation.of_transcript(rejected)
    return ReviewedPair(chosen=sides[0], rejected=sides[1], **{**defaults, **more})
