"""Loads sequence classifiers, and tells which of their weights are not trained ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import Any

from engine.errors import BadInput
from engine.models.diagnosis import tokenizer_problem
from engine.models.embedded import resolve
from engine.models.loading import loading

_SHOWN = 3  # names in a message


@dataclass(frozen=True)
class Source:
    """A classifier, or a LoRA adapter and the model that it was trained on.

    Only safetensors weights are read unless `pickle` is set; code from the model's repository is
    run only if `foreign_code` is set. `base` replaces the base model that an adapter names.
    """

    model: str
    revision: str | None = None
    pickle: bool = False
    foreign_code: bool = False
    base: str | None = None


def load_tokenizer(source: Source) -> Any:
    with loading(source.model, "the tokenizer of ", tokenizer_problem):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(
            resolve(source.model), revision=source.revision, trust_remote_code=source.foreign_code
        )


def load_model(source: Source, dtype: Any, **settings: Any) -> tuple[Any, dict[str, Any]]:
    """A classifier, and what transformers says about its weights."""
    with loading(source.model):
        from transformers import AutoModelForSequenceClassification

        try:
            model, loaded = AutoModelForSequenceClassification.from_pretrained(
                resolve(source.model),
                dtype=dtype,
                revision=source.revision,
                use_safetensors=None if source.pickle else True,
                trust_remote_code=source.foreign_code,
                ignore_mismatched_sizes=True,  # told of, and refused here
                output_loading_info=True,
                **settings,
            )
        except UnpicklingError as error:
            raise BadInput(
                f"cannot load {source.model}: its pickle contains more than weights; save it as "
                "safetensors"
            ) from error
    return model, loaded


def refuse_missing(name: str, model: Any, loaded: dict[str, Any]) -> None:
    """Raises BadInput if weights are missing or do not fit, since transformers then makes random
    ones."""
    missing, misfits = untrained(model, loaded)
    if misfits:
        raise BadInput(
            f"the weights of {name} do not fit its config.json ({names(misfits)}): they are of "
            "another model; save model and config together"
        )
    if not missing:
        return
    unused = [key for key in loaded["unexpected_keys"] if "lm_head" not in key]
    causal = _is_causal(model.config) or len(unused) < len(loaded["unexpected_keys"])
    if causal and not unused:
        raise BadInput(
            f"{name} is a language model without a reward head ({names(missing)} is missing): "
            "name the reward model that was trained from it, or save it together with its head as "
            f"{type(model).__name__}"
        )
    instead = f", and {names(unused)} is not a part of {type(model).__name__}" if unused else ""
    raise BadInput(
        f"{name} would be scored with random numbers: {names(missing)} is missing from its "
        f"weights{instead}; save the trained weights under the names of {type(model).__name__}"
    )


def untrained(model: Any, loaded: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The parameters that are missing from the weights, and those that have another shape there."""
    parameters = {name for name, _ in model.named_parameters()}
    misfits = sorted(key if isinstance(key, str) else key[0] for key in loaded["mismatched_keys"])
    missing = sorted(parameters.intersection(loaded["missing_keys"]) - set(misfits))
    return missing, misfits


def _is_causal(config: Any) -> bool:
    named = getattr(config, "architectures", None) or ()
    return any(str(name).endswith("ForCausalLM") for name in named)


def names(keys: Collection[str]) -> str:
    """The first of these keys, for a message."""
    shown = sorted(keys)[:_SHOWN]
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(shown) + more
