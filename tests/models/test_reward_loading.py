"""Reward models are loaded with all of their trained weights, or refused with one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.backends.rewards.torch import ClassifierBackend
from engine.errors import SealError
from engine.models.classifier import Source
from engine.models.reward import SequenceClassifierReward
from engine.models.reward_config import Reading
from tests.models.conftest import Folder
from tests.models.test_reward_shapes import called, texts


def refusal(source: Path | Source, **reading: Any) -> str:
    source = Source(str(source)) if isinstance(source, Path) else source
    with pytest.raises(SealError) as caught:
        SequenceClassifierReward(source, "cpu", "float32", Reading(**reading))
    assert str(caught.value).isprintable()
    return str(caught.value)


def changed(folder: Path, place: Path, change: Any, **config: Any) -> Path:
    """A copy whose weights are changed by a function, and whose config has other entries."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(folder, place)
    weights = load_file(place / "model.safetensors")
    change(weights)
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    settings = {**json.loads((place / "config.json").read_text()), **config}
    (place / "config.json").write_text(json.dumps(settings))
    return place


def test_a_head_that_is_missing_is_never_made_up(folder: Folder, tmp_path: Path) -> None:
    place = changed(folder("llama"), tmp_path / "m", lambda w: w.pop("score.weight"))
    message = refusal(place)
    assert str(place) in message
    assert "score.weight is missing" in message


def test_a_head_under_another_name_is_named(folder: Folder, tmp_path: Path) -> None:
    def rename(weights: dict[str, Any]) -> None:
        weights["value_head.weight"] = weights.pop("score.weight")

    message = refusal(changed(folder("qwen"), tmp_path / "m", rename))
    assert (
        "score.weight is missing from its weights, and value_head.weight is not a part of"
        in message
    )


def test_a_part_of_the_body_that_is_missing_is_never_made_up(
    folder: Folder, tmp_path: Path
) -> None:
    lost = "model.layers.1.mlp.up_proj.weight"
    assert lost in refusal(changed(folder("llama"), tmp_path / "m", lambda w: w.pop(lost)))


def test_a_language_model_without_a_head_is_refused_with_what_to_do(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    from tests.models.reward_models import sizes, tokenizer

    settings = {key: value for key, value in sizes().items() if key != "num_labels"}
    LlamaForCausalLM(LlamaConfig(**settings)).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    message = refusal(tmp_path)
    assert "is a language model without a reward head (score.weight is missing)" in message
    assert "name the reward model that was trained from it" in message


def test_the_head_of_another_program_beside_a_language_model_is_named(
    folder: Folder, tmp_path: Path
) -> None:
    def rename(weights: dict[str, Any]) -> None:
        weights["v_head.summary.weight"] = weights.pop("score.weight")
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"].copy()

    message = refusal(changed(folder("llama"), tmp_path / "m", rename))
    assert "score.weight is missing from its weights, and v_head.summary.weight is not" in message


def test_weights_of_another_size_are_refused(folder: Folder, tmp_path: Path) -> None:
    def widen(weights: dict[str, Any]) -> None:
        weights["score.weight"] = np.repeat(weights["score.weight"], 2, axis=1)

    message = refusal(changed(folder("llama"), tmp_path / "m", widen))
    assert "do not fit its config.json (score.weight)" in message


def test_of_two_outputs_the_study_says_which_one_is_the_reward(folder: Folder) -> None:
    place = folder("two outputs")
    message = refusal(place)
    assert "2 outputs (0 LABEL_0, 1 LABEL_1); output = N says which" in message
    assert "has outputs 0 to 1" in refusal(place, output=2)
    entries = texts(3)
    for output in (0, 1):
        model = SequenceClassifierReward(str(place), "cpu", "float32", Reading(output=output))
        expected = [called(place, output)(text) for text in entries]
        np.testing.assert_allclose(model.score(entries).rewards, expected, rtol=1e-5, atol=2e-6)


def test_a_head_in_another_number_format_than_the_body(folder: Folder, tmp_path: Path) -> None:
    """The weights as trainers save them: a body in bfloat16, its head in float32."""
    import torch
    from safetensors.torch import load_file, save_file

    place = Path(shutil.copytree(folder("llama"), tmp_path / "m"))
    weights = {
        name: value if name == "score.weight" else value.bfloat16()
        for name, value in load_file(place / "model.safetensors").items()
    }
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    entries = texts(6)
    model = SequenceClassifierReward(str(place), "cpu")
    expected = [called(place)(text) for text in entries]
    np.testing.assert_allclose(model.score(entries).rewards, expected, rtol=1e-5, atol=2e-6)
    coarse = SequenceClassifierReward(str(place), "cpu", "bfloat16").score(entries)
    assert coarse.problems == (None,) * 6
    np.testing.assert_allclose(coarse.rewards, expected, atol=0.3)
    assert {p.dtype for p in model.model.parameters()} == {torch.float32}


# ---------------------------------------------------------------- adapters


def adapter(base: Path, place: Path, **config: Any) -> Path:
    """A LoRA adapter as TRL leaves it, with random numbers in place of trained ones."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    settings = {"task_type": "SEQ_CLS", "modules_to_save": ["score"], **config}
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    adapted = get_peft_model(
        model, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], **settings)
    )
    torch.manual_seed(3)
    for name, value in adapted.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            torch.nn.init.normal_(value, std=0.5)
    adapted.save_pretrained(place)
    AutoTokenizer.from_pretrained(base).save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def base(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model, whose adapter brings the head with it."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from tests.models.reward_models import CHATML, sizes, tokenizer

    place = tmp_path_factory.mktemp("base")
    settings = {key: value for key, value in sizes().items() if key != "num_labels"}
    LlamaForCausalLM(LlamaConfig(**settings)).save_pretrained(place)
    tokenizer(template=CHATML).save_pretrained(place)
    return place


def of_peft(place: Path, base: Path) -> list[float]:
    """PEFT and transformers called on one text after the other."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(place)
    body = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    model = PeftModel.from_pretrained(body, str(place)).eval()
    body.config.pad_token_id = None
    rewards = []
    for text in texts(4):
        messages = [{"role": m.role, "content": m.content} for m in text.conversation.messages]
        inputs = tokens.apply_chat_template(messages, return_dict=True, return_tensors="pt")
        with torch.inference_mode():
            rewards.append(float(model(**inputs).logits[0, 0]))
    return rewards


def test_an_adapter_is_scored_on_its_base_with_the_head_it_brings(
    base: Path, tmp_path: Path
) -> None:
    place = adapter(base, tmp_path / "adapter")
    model = SequenceClassifierReward(str(place), "cpu", "float32")
    np.testing.assert_allclose(
        model.score(texts(4)).rewards, of_peft(place, base), rtol=1e-5, atol=2e-6
    )
    coarse = SequenceClassifierReward(str(place), "cpu", "bfloat16").score(texts(4))
    assert coarse.problems == (None,) * 4, "the head has the number format of the body"


def test_a_check_before_a_run_says_what_is_loaded(base: Path, tmp_path: Path) -> None:
    place = adapter(base, tmp_path / "adapter")
    backend = ClassifierBackend(model=str(place))
    assert backend.described() == f"adapter, an adapter of {base}"
    assert ClassifierBackend(model=str(place), base="a/b").described() == (
        "adapter, an adapter of a/b"
    )
    assert ClassifierBackend(model=str(base)).described() == base.name


def test_the_base_may_be_elsewhere_than_the_adapter_says(base: Path, tmp_path: Path) -> None:
    place = adapter(base, tmp_path / "adapter")
    moved = Path(shutil.copytree(base, tmp_path / "moved"))
    expected = of_peft(place, base)
    config = json.loads((place / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "/somewhere/else"
    (place / "adapter_config.json").write_text(json.dumps(config))
    message = refusal(place)
    assert "was trained on /somewhere/else, which cannot be loaded; base names another" in message
    model = SequenceClassifierReward(Source(str(place), base=str(moved)), "cpu", "float32")
    np.testing.assert_allclose(model.score(texts(4)).rewards, expected, rtol=1e-5, atol=2e-6)


def test_an_adapter_without_a_head_on_a_base_without_one_is_refused(
    base: Path, tmp_path: Path
) -> None:
    place = adapter(base, tmp_path / "adapter", task_type=None, modules_to_save=None)
    message = refusal(place)
    assert f"neither the adapter {place} nor its base {base} has score.weight" in message
    assert 'modules_to_save = ["score"]' in message


def test_an_adapter_may_use_the_trained_head_of_its_base(folder: Folder, tmp_path: Path) -> None:
    place = adapter(folder("llama"), tmp_path / "adapter", task_type=None, modules_to_save=None)
    found = SequenceClassifierReward(str(place), "cpu", "float32").score(texts(4)).rewards
    np.testing.assert_allclose(found, of_peft(place, folder("llama")), rtol=1e-5, atol=2e-6)


def test_an_adapter_that_is_incomplete_is_refused(base: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    place = adapter(base, tmp_path / "adapter")
    weights = load_file(place / "adapter_model.safetensors")
    lost = next(name for name in weights if "layers.1" in name and "lora_A" in name)
    weights.pop(lost)
    save_file(weights, place / "adapter_model.safetensors", metadata={"format": "pt"})
    message = refusal(place)
    assert "is incomplete" in message
    assert "layers.1" in message


def test_an_adapter_in_a_pickle_is_refused(base: Path, tmp_path: Path) -> None:
    place = adapter(base, tmp_path / "adapter")
    (place / "adapter_model.safetensors").rename(place / "adapter_model.bin")
    assert "has no adapter_model.safetensors" in refusal(place)


def test_a_model_and_an_adapter_in_one_folder_are_refused(base: Path, tmp_path: Path) -> None:
    """transformers would put the adapter into the model without a word."""
    place = adapter(base, tmp_path / "adapter")
    for path in base.iterdir():
        shutil.copy(path, place)
    assert "has a model and an adapter" in refusal(place)


def test_a_base_for_a_whole_model_is_refused(folder: Folder) -> None:
    place = str(folder("llama"))
    assert "is no adapter, so it has no base" in refusal(Source(place, base=place))
