"""Loads models with transformers; the only place with its safety settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import BadInput
from engine.models import adapter_settings, model_files
from engine.models.embedded import resolve
from engine.models.loading import loading


def load_causal(model: str, adapter: str | None, device: str, dtype: Any) -> tuple[Any, Any]:
    """A tokenizer and a causal LM in eval mode, the adapter merged into its weights."""
    folder = resolve(model)
    with loading(model):
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        loaded = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
    if adapter is not None:
        path = resolve(adapter)
        # Without safetensors, peft would read pickled weights.
        if Path(path).is_dir() and not (Path(path) / "adapter_model.safetensors").is_file():
            raise BadInput(f"{adapter} has no adapter_model.safetensors: save it as safetensors")
        _check_adapter(adapter)
        with loading(adapter, "the adapter ", unfit=f"does not fit {model}"):
            from peft import PeftModel

            loaded = PeftModel.from_pretrained(loaded, path).merge_and_unload()
    with loading(model):
        return tokenizer, loaded.to(device).eval()


def _check_adapter(adapter: str) -> None:
    weights = model_files.locate(adapter, model_files.ADAPTER_WEIGHTS)
    config = model_files.read(adapter, model_files.ADAPTER_CONFIG)
    if weights is None or not config:
        return  # loading it says what is missing
    with loading(adapter, "the adapter "):
        from safetensors import safe_open

        with safe_open(weights, "np") as file:
            shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
    adapter_settings.check(adapter, config, shapes)
