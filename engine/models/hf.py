"""Loads models with transformers; the only place with its safety settings."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from engine.errors import BadInput, MachineError
from engine.models.embedded import PREFIX, resolve


def _explain(model: str, error: Exception) -> MachineError:
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
        raise _explain(model, error) from error
    if adapter is not None:
        from peft import PeftModel

        path = resolve(adapter)
        # Without safetensors, peft would read pickled weights.
        if Path(path).is_dir() and not (Path(path) / "adapter_model.safetensors").is_file():
            raise BadInput(f"{adapter} has no adapter_model.safetensors: save it as safetensors")
        try:
            loaded = PeftModel.from_pretrained(loaded, path).merge_and_unload()
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise _explain(adapter, error) from error
    return tokenizer, loaded.to(device).eval()


def load_classifier(
    model: str,
    device: str,
    dtype: Any,
    revision: str | None = None,
    pickle: bool = False,
    foreign_code: bool = False,
) -> tuple[Any, Any]:
    """A tokenizer and a sequence classifier in eval mode.

    Only safetensors weights are read unless `pickle` is set; code from the model's repository is
    run only if `foreign_code` is set.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = resolve(model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, revision=revision, trust_remote_code=foreign_code
        )
        loaded = AutoModelForSequenceClassification.from_pretrained(
            folder,
            dtype=dtype,
            revision=revision,
            use_safetensors=None if pickle else True,
            trust_remote_code=foreign_code,
        )
    except UnpicklingError as error:
        raise BadInput(
            f"cannot load {model}: its pickle contains more than weights; save it as safetensors"
        ) from error
    except (OSError, ValueError, SafetensorError) as error:
        raise _explain(model, error) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    loaded.config.pad_token_id = tokenizer.pad_token_id  # a causal head scores the last real token
    if loaded.config.num_labels != 1:
        raise BadInput(
            f"{model} has {loaded.config.num_labels} outputs; a reward model must have one"
        )
    return tokenizer, loaded.to(device).eval()


__all__ = ["PREFIX", "load_causal", "load_classifier"]
