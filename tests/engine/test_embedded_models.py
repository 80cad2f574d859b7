"""Unpacking the models that come with the program: checked, once, whole or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.errors import BadInput, MachineError
from engine.models import embedded


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, as on a machine that has never run the program."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SEAL_TUI_CACHE", str(folder))
    return folder


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of MiniLM's package that may be damaged."""
    folder = tmp_path / "package"
    shutil.copytree(embedded.minilm_folder(), folder / "model")
    monkeypatch.setattr(embedded, "_package_folder", lambda package: folder)
    return folder / "model" / "model.safetensors"


def test_a_name_that_is_not_embedded_stays_as_it_is() -> None:
    for name in ("owner/model", "/some/folder", "minilm"):
        assert embedded.resolve(name) == name


def test_an_unknown_embedded_name_lists_those_there_are() -> None:
    with pytest.raises(BadInput, match="embedded:smollm2"):
        embedded.resolve("embedded:gpt")


def test_a_damaged_weights_file_is_refused_with_the_mend(cache: Path, package: Path) -> None:
    content = bytearray(package.read_bytes())
    content[-1] ^= 1
    package.write_bytes(content)
    with pytest.raises(MachineError, match=r"model\.safetensors is damaged: SHA-256 .*reinstall"):
        embedded.resolve("embedded:minilm")
    with pytest.raises(MachineError, match="damaged"):
        embedded.resolve("embedded:reward-pre")
    assert not [path for path in cache.iterdir() if path.name.startswith("reward")]


def test_weights_damaged_after_they_were_checked_are_noticed(cache: Path, package: Path) -> None:
    embedded.resolve("embedded:minilm")
    with package.open("ab") as file:
        file.write(b"x")
    with pytest.raises(MachineError, match="damaged"):
        embedded.resolve("embedded:minilm")


def test_missing_weights_are_refused(cache: Path, package: Path) -> None:
    package.unlink()
    with pytest.raises(MachineError, match="is missing: reinstall"):
        embedded.resolve("embedded:minilm")


@pytest.mark.parametrize("content", ["", "{", "3", '["/elsewhere", 1, 2]'])
def test_a_stamp_that_says_nothing_of_this_file_is_not_believed(
    content: str, cache: Path, package: Path
) -> None:
    embedded.resolve("embedded:minilm")
    (stamp,) = (cache / "checked").iterdir()
    stamp.write_text(content)
    assert embedded.resolve("embedded:minilm") == str(package.parent)
    assert json.loads(stamp.read_text())[0] == str(package), "and is written anew"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, MemoryError, OSError])
def test_an_interrupted_unpacking_leaves_nothing_behind(
    interruption: type[BaseException], cache: Path
) -> None:
    def build(folder: Path) -> None:
        (folder / "half").write_text("a model")
        raise interruption

    with pytest.raises(interruption):
        embedded._unpack("model", build)
    assert list(cache.iterdir()) == []


def test_it_is_unpacked_once_and_whole_the_next_time(cache: Path) -> None:
    built = []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "model").write_text("whole")

    first = embedded._unpack("model", build)
    assert embedded._unpack("model", build) == first == cache / "model"
    assert (first / "model").read_text() == "whole"
    assert len(built) == 1
    assert built[0] != first, "built elsewhere, then put in place"


def test_who_unpacks_second_takes_what_the_first_made(cache: Path) -> None:
    def build(folder: Path) -> None:
        (cache / "model").mkdir()
        (cache / "model" / "by").write_text("the first")
        (folder / "by").write_text("the second")

    assert (embedded._unpack("model", build) / "by").read_text() == "the first"
    assert [path.name for path in cache.iterdir()] == ["model"]


def test_the_reward_model_is_built_of_the_body_and_the_shipped_head(cache: Path) -> None:
    from engine.models.reward import SequenceClassifierReward
    from tests.engine.test_reward_scoring import texts

    folder = Path(embedded.resolve("embedded:reward-pre"))
    assert folder.parent == cache
    assert embedded.resolve("embedded:reward-pre") == str(folder)
    rewards = SequenceClassifierReward(str(folder), "cpu").score(texts()).rewards
    assert len(set(rewards)) == len(rewards)


def test_an_adapter_that_is_not_there_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "ADAPTERS", tmp_path)
    with pytest.raises(MachineError, match="reinstall the program"):
        embedded.resolve("embedded:labeler-adapter")
