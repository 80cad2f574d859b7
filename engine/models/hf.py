"""Loads models with transformers; the only place with its safety settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import BadInput, MachineError
from engine.models.embedded import resolve


def explain(model: str, error: Exception) -> MachineError:
    """An error of the library as one line."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return MachineError(
        f"cannot load {model}: {first} (is it a local folder with safetensors weights, or can the "
        "model hub be reached, with access granted?)"
    )


def load_causal(model: str, adapter: str | None, device: str, dtype: Any) -> tuple[Any, Any]:
    """A tokenizer and a causal LM in eval mode, the adapter merged into its weights."""
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = resolve(model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        loaded = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise explain(model, error) from error
    if adapter is not None:
        from peft import PeftModel

        path = resolve(adapter)
        # Without safetensors, peft would read pickled weights.
        if Path(path).is_dir() and not (Path(path) / "adapter_model.safetensors").is_file():
            raise BadInput(f"{adapter} has no adapter_model.safetensors: save it as safetensors")
        try:
            loaded = PeftModel.from_pretrained(loaded, path).merge_and_unload()
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise explain(adapter, error) from error
    return tokenizer, loaded.to(device).eval()
