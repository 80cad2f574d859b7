"""Strategies of rewriting: one table, and each with a digest of its own."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import strategies
from engine.backends.base import RewriterBackend
from engine.backends.rewriters.endpoint import EndpointRewriterBackend
from engine.backends.rewriters.torch import TorchRewriterBackend
from engine.models.fingerprints import digest
from engine.strategies import DEFAULT
from tests.engine.studies import manifest, prepare, run_to_end, stand_in_server
from tests.fault.conftest import models
from tests.fault.tiny import answer, write_tiny_study

__all__ = ["models"]

ENDPOINT = EndpointRewriterBackend(base_url="http://localhost:1/v1", model="m")
NEW = """
from engine.strategies import Strategy

STRATEGY = Strategy(
    name="terse",
    purpose="says the same in fewer words",
    local="Say this in fewer words.",
    endpoint="Say the passage in fewer words.",
)
"""


@pytest.fixture
def terse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A strategy more, as one file more in the folder of strategies."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "terse.py").write_text(textwrap.dedent(NEW))
    monkeypatch.setattr(strategies, "__path__", [*strategies.__path__, str(tmp_path / "more")])
    strategies._table.cache_clear()
    yield
    strategies._table.cache_clear()
    sys.modules.pop("engine.strategies.terse", None)


def test_every_strategy_has_a_name_of_its_own_and_words_for_every_rewriter() -> None:
    assert strategies.names()[:3] == DEFAULT
    for name in strategies.names():
        strategy = strategies.find(name)
        assert strategy.name == name
        assert all((strategy.purpose, strategy.local, strategy.endpoint))


def test_an_unknown_strategy_is_answered_with_what_there_is() -> None:
    assert strategies.unknown("neutral") is None
    words = strategies.unknown("harsh")
    assert words == "no strategy 'harsh'; there are neutral, more-positive, placebo"


@pytest.mark.parametrize("rewriter", [TorchRewriterBackend(), ENDPOINT], ids=["torch", "endpoint"])
def test_rewrites_of_version_0_1_0_stay_those_of_their_strategy(rewriter: RewriterBackend) -> None:
    """It hashed all its instructions together; nobody's words have changed since."""
    told = [rewriter.instruction(strategies.find(name)) for name in DEFAULT]
    together = {
        "torch": digest(dict(zip(DEFAULT, told, strict=True))),
        "endpoint": digest(told),
    }[rewriter.backend]
    assert {strategies.digest(words) for words in told} == {together}


@pytest.mark.parametrize("rewriter", [TorchRewriterBackend(), ENDPOINT], ids=["torch", "endpoint"])
def test_another_instruction_is_another_digest_of_that_strategy_alone(
    rewriter: RewriterBackend,
) -> None:
    words = rewriter.instruction(strategies.find("neutral"))
    assert strategies.digest(words + " Be quick.") != strategies.digest(words)
    assert strategies.digest(words + " Be quick.") == digest(words + " Be quick.")


def test_a_new_strategy_leaves_the_stored_rewrites_of_the_others_alone(
    terse: None, models: Path, tmp_path: Path
) -> None:
    asked: list[str] = []

    def count(body: dict[str, object], _: object) -> str:
        if "response_format" not in body:
            asked.append(str(body["messages"]))
        return answer(body)

    def study(names: str) -> Path:
        path = write_tiny_study(tmp_path / "study", models, url, pairs=6, sample=2)
        path.write_text(path.read_text().replace('["neutral", "placebo"]', names))
        return path

    run = tmp_path / "run"
    with stand_in_server(count) as url:
        status = run_to_end(prepare(study('["neutral", "placebo"]'), run))
        assert status.state == "done", status.error
        assert len(asked) == 2 * 4, "strategies × sides of the sample"
        before = manifest(run)["models"]
        asked.clear()

        status = run_to_end(prepare(study('["neutral", "placebo", "terse"]'), run))
        assert status.state == "done", status.error
        assert len(asked) == 4
        assert all("in fewer words" in words for words in asked)
        after = manifest(run)["models"]
    for role in ("rewriter neutral", "rewriter placebo"):
        assert after[role]["producer"] == before[role]["producer"]
    assert after["rewriter terse"]["producer"] != after["rewriter neutral"]["producer"]
    assert status.counts["rewritten pairs"] == 3 * 2
