"""What lies in a model's folder is weights and settings. No code in it is run."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadInput, SealError
from engine.models import adapter_settings
from engine.models.classifier import Source
from engine.models.embedded import resolve
from engine.models.embedder import load_sentence_model
from engine.models.hf import load_causal
from engine.models.reward_loading import load_classifier
from tests.canaries import Canaries


@pytest.fixture
def canaries(tmp_path: Path) -> Canaries:
    return Canaries(tmp_path / "fired")


class Payload:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self._mark), "w")


def with_code(folder: Path, canaries: Canaries) -> str:
    """A model of an unknown kind that names classes of its own, in modules beside it."""
    folder.mkdir()
    for name in ("configuration_own", "modeling_own", "tokenization_own"):
        canaries.write(folder / f"{name}.py")
    auto: dict[str, Any] = {
        "AutoConfig": "configuration_own.OwnConfig",
        "AutoModelForCausalLM": "modeling_own.OwnModel",
        "AutoModelForSequenceClassification": "modeling_own.OwnModel",
    }
    config = {"model_type": "own", "architectures": ["OwnModel"], "auto_map": auto}
    (folder / "config.json").write_text(json.dumps(config))
    tokens = {
        "tokenizer_class": "Own",
        "auto_map": {"AutoTokenizer": ["tokenization_own.Own", None]},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens))
    return str(folder)


def pickled(folder: Path, name: str, tmp_path: Path) -> str:
    folder.mkdir()
    (folder / name).write_bytes(pickle.dumps({"weight": Payload(tmp_path / "fired" / "pickle")}))
    return str(folder)


def test_code_beside_the_weights_is_not_run(canaries: Canaries, tmp_path: Path) -> None:
    model = with_code(tmp_path / "model", canaries)
    with pytest.raises(SealError, match="cannot load"):
        load_causal(model, None, "cpu", None)
    with pytest.raises(SealError, match="cannot load"):
        load_classifier(Source(model), "cpu", None)
    assert canaries.fired() == []


def test_an_embedder_names_no_classes_of_its_own(canaries: Canaries, tmp_path: Path) -> None:
    model = tmp_path / "embedder"
    model.mkdir()
    canaries.write(model / "own.py")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "own.Module"}]
    (model / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(SealError, match="cannot load the embedder"):
        load_sentence_model(str(model), "cpu")
    # Nor a class that is installed, whose `load` would read pickles.
    modules[0]["type"] = "joblib.numpy_pickle"
    (model / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(SealError, match="cannot load the embedder"):
        load_sentence_model(str(model), "cpu")
    assert canaries.fired() == []


@pytest.mark.parametrize("allowed", [False, True])
def test_pickled_weights_run_nothing(allowed: bool, canaries: Canaries, tmp_path: Path) -> None:
    """Even where pickled weights are allowed, only tensors are read of them."""
    model = pickled(tmp_path / "model", "pytorch_model.bin", tmp_path)
    source = Path(resolve("embedded:reward-pre"))
    for path in source.iterdir():
        if path.suffix == ".json":
            (tmp_path / "model" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(SealError, match="cannot load"):
        load_classifier(Source(model, pickle=allowed), "cpu", None)
    assert canaries.fired() == []


def test_a_pickled_adapter_is_refused(canaries: Canaries, tmp_path: Path) -> None:
    adapter = pickled(tmp_path / "adapter", "adapter_model.bin", tmp_path)
    config = Path(resolve("embedded:labeler-adapter")) / "adapter_config.json"
    (tmp_path / "adapter" / config.name).write_bytes(config.read_bytes())
    with pytest.raises(SealError, match=r"adapter_model\.safetensors"):
        load_causal("embedded:smollm2", adapter, "cpu", None)
    assert canaries.fired() == []


def test_a_model_of_the_hub_counts_by_its_commit_and_runs_no_code_for_it(
    canaries: Canaries, tmp_path: Path
) -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    cache = tmp_path / "hub" / "models--owner--own"
    (cache / "snapshots").mkdir(parents=True)
    with_code(cache / "snapshots" / commit, canaries)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    code = "from engine.models.fingerprints import weights_digest as d; print(d('owner/own'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == commit, done.stderr
    assert canaries.fired() == []


ADAPTER_SETTINGS: dict[str, dict[str, Any]] = {
    "a huge rank": {"r": 10**9},
    "a rank that is no number": {"r": "8"},
    "a huge rank in one place": {"rank_pattern": {"q_proj": 10**9}},
    "a module to be imported": {"megatron_config": {"a": 1}, "megatron_core": "planted_module"},
    "layers repeated": {"layer_replication": [[0, 10**9]]},
}


@pytest.mark.parametrize("settings", ADAPTER_SETTINGS.values(), ids=ADAPTER_SETTINGS)
def test_hostile_settings_of_an_adapter_are_refused_before_anything_is_reserved(
    settings: dict[str, Any],
) -> None:
    good = {"peft_type": "LORA", "r": 8, "megatron_core": "megatron.core", "megatron_config": None}
    shapes = {"base.q_proj.lora_A.weight": [8, 64], "base.q_proj.lora_B.weight": [64, 8]}
    adapter_settings.check("own", good, shapes)
    with pytest.raises(BadInput, match=r"^the adapter_config\.json of own ") as caught:
        adapter_settings.check("own", {**good, **settings}, shapes)
    assert str(caught.value).isprintable()


def test_an_adapter_whose_base_is_elsewhere_is_put_on_the_base_of_the_study(
    tmp_path: Path, canaries: Canaries
) -> None:
    """The base that it names is neither looked for nor loaded."""
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    source = Path(resolve("embedded:labeler-adapter"))
    for path in source.iterdir():
        (adapter / path.name).write_bytes(path.read_bytes())
    base = with_code(tmp_path / "base", canaries)
    config = json.loads((adapter / "adapter_config.json").read_text())
    config |= {"base_model_name_or_path": base, "auto_mapping": {"parent_library": "own"}}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    load_causal("embedded:smollm2", str(adapter), "cpu", None)
    assert canaries.fired() == []
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "r": 10**9}))
    with pytest.raises(BadInput, match="a rank that its weights do not have"):
        load_causal("embedded:smollm2", str(adapter), "cpu", None)
