"""Loads reward models: a classifier or a LoRA adapter of one, never with a random head."""

from __future__ import annotations

from typing import Any

from engine.errors import BadInput
from engine.models import model_files, reward_adapter
from engine.models.classifier import Source, load_model, load_tokenizer, refuse_missing
from engine.models.loading import loading


def load_classifier(source: Source, device: str, dtype: Any) -> tuple[Any, Any]:
    """A tokenizer and a sequence classifier in eval mode, all of whose weights are trained ones.

    Raises BadInput for weights that are missing or do not fit, and MachineError if the model cannot
    be loaded.
    """
    base = reward_adapter.base_of(source)
    if base is None:
        _refuse_mixture(source)
        tokenizer = load_tokenizer(source)
        model, loaded = load_model(source, dtype)
        refuse_missing(source.model, model, loaded)
    else:
        tokenizer, model = reward_adapter.adapted(source, base, dtype)
    with loading(source.model):
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        model.config.pad_token_id = tokenizer.pad_token_id
        if getattr(model.config, "use_cache", False):
            model.config.use_cache = False  # nothing is generated; that of a long text is large
        return tokenizer, model.to(device).eval()


def _refuse_mixture(source: Source) -> None:
    """transformers would add the adapter to the model without a word."""
    if model_files.locate(source.model, model_files.ADAPTER_CONFIG, source.revision) is not None:
        raise BadInput(
            f"{source.model} has a model and an adapter: put the adapter into a folder of its own "
            "and name that, or merge it into the model"
        )
