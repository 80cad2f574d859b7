"""Loads models with transformers; the only place with its safety settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import BadInput
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
        with loading(adapter, "the adapter ", unfit=f"does not fit {model}"):
            from peft import PeftModel

            loaded = PeftModel.from_pretrained(loaded, path).merge_and_unload()
    with loading(model):
        return tokenizer, loaded.to(device).eval()
