"""LoRA adapters of reward models: the base and the adapter as one model, with the trained head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import BadInput, SealError, of_kind
from engine.models import adapter_settings, model_files
from engine.models.classifier import Source, load_model, load_tokenizer, names, untrained
from engine.models.loading import loading

_TOKENIZERS = ("tokenizer.json", "tokenizer.model")
_HEADS = ("score.weight", "classifier.weight", "classifier.out_proj.weight")


def base_of(source: Source) -> str | None:
    """The base model of an adapter; None if the source is a whole model.

    Raises BadInput if an adapter names none, or if a base is given for a whole model.
    """
    if not model_files.is_adapter(source.model, source.revision):
        if source.base is not None:
            raise BadInput(f"{source.model} is no adapter, so it has no base: leave base out")
        return None
    if source.base is not None:
        return source.base
    config = _settings(source)
    named = config.get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        raise BadInput(f"the adapter {source.model} names no base model: give it as base")
    return named


def _settings(source: Source) -> dict[str, Any]:
    """The adapter's own settings. Raises BadInput if they cannot be read."""
    config = model_files.read(source.model, model_files.ADAPTER_CONFIG, source.revision)
    if not config:
        raise BadInput(
            f"the adapter {source.model} has an {model_files.ADAPTER_CONFIG} that is damaged or "
            "empty: copy the adapter again"
        )
    return config


def adapted(source: Source, base: str, dtype: Any) -> tuple[Any, Any]:
    """The base model with the adapter merged into its weights, the trained head included."""
    folder = _adapter_folder(source)
    stored = shapes(source.model, folder / model_files.ADAPTER_WEIGHTS)
    adapter_settings.check(source.model, _settings(source), stored)
    own = any(model_files.locate(source.model, name, source.revision) for name in _TOKENIZERS)
    model, loaded = _base(source, base, dtype, _outputs(stored))
    tokenizer = load_tokenizer(source if own else Source(base))
    missing, misfits = untrained(model, loaded)
    if untouched := [name for name in (*missing, *misfits) if name not in stored]:
        raise BadInput(
            f"neither the adapter {source.model} nor its base {base} has {names(untouched)}: train "
            'the adapter with modules_to_save = ["score"], or name the base that has the head'
        )
    return tokenizer, _merged(source, base, folder, model, stored, dtype)


def _adapter_folder(source: Source) -> Path:
    config = model_files.locate(source.model, model_files.ADAPTER_CONFIG, source.revision)
    weights = model_files.locate(source.model, model_files.ADAPTER_WEIGHTS, source.revision)
    if config is None or weights is None:
        raise BadInput(
            f"{source.model} has no {model_files.ADAPTER_WEIGHTS}: save the adapter as safetensors"
        )
    kind = _settings(source).get("peft_type")
    if kind != "LORA":
        raise BadInput(
            f"{source.model} is an adapter of type {str(kind)[:40]}: only LORA can be merged here"
        )
    return config.parent


def shapes(name: str, path: Path) -> dict[str, list[int]]:
    """The names and shapes of the adapter's tensors, without the prefix that PEFT gives them."""
    from safetensors import safe_open

    with loading(name, "the adapter "), safe_open(path, "pt") as file:
        return {
            key.removeprefix("base_model.model.").replace(".modules_to_save", ""): list(
                file.get_slice(key).get_shape()
            )
            for key in file.keys()  # noqa: SIM118
        }


def _outputs(stored: dict[str, list[int]]) -> int | None:
    """How many outputs the adapter's head has; None if it has no head."""
    for name, shape in stored.items():
        if name in _HEADS and len(shape) == 2:
            return shape[0]
    return None


def _base(source: Source, base: str, dtype: Any, outputs: int | None) -> tuple[Any, dict[str, Any]]:
    if model_files.is_adapter(base):
        raise BadInput(
            f"{base}, the base of {source.model}, is an adapter itself: merge it into its model "
            "and give that as base"
        )
    try:
        return load_model(
            Source(base), dtype, **({} if outputs is None else {"num_labels": outputs})
        )
    except SealError as error:
        message = (
            f"the adapter {source.model} was trained on {base}, which cannot be loaded; base names "
            f"another place of it ({error})"
        )
        raise of_kind(error.kind, message) from error


def _merged(
    source: Source,
    base: str,
    folder: Path,
    model: Any,
    stored: dict[str, list[int]],
    dtype: Any,
) -> Any:
    with loading(source.model, "the adapter ", unfit=f"does not fit {base}"):
        from peft import PeftConfig, PeftModel, get_peft_model_state_dict

        config = PeftConfig.from_pretrained(str(folder))
        config.task_type = None  # which would add modules that the adapter does not have
        adapted = PeftModel.from_pretrained(model, str(folder), config=config)
        own = get_peft_model_state_dict(adapted, save_embedding_layers=False)
        wanted = {key.removeprefix("base_model.model.") for key in own}
    if absent := sorted(wanted - stored.keys()):
        raise BadInput(f"the adapter {source.model} is incomplete: {names(absent)} is missing")
    if strange := sorted(stored.keys() - wanted):
        raise BadInput(
            f"the adapter {source.model} has {names(strange)}, which its adapter_config.json does "
            f"not place in {base}: is it the base it was trained on?"
        )
    with loading(source.model, "the adapter ", unfit=f"does not fit {base}"):
        merged = adapted.merge_and_unload()
        # PEFT keeps the head in float32, whatever its base is in.
        return merged if dtype is None else merged.to(dtype)
