"""The last layer of a reward model: finds it, replaces it, and saves it with its body."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import BadInput


def last_linear(model: Any) -> Any:
    """The linear layer with one output, which produces the reward."""
    import torch

    layers = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m.out_features == 1]
    if not layers:
        raise BadInput("this reward model has no final linear layer to continue training")
    return layers[-1]


def with_head(model: str, tensors: dict[str, Any]) -> tuple[Any, Any]:
    """A tokenizer, and a classifier with one output on the body of `model` with this last layer."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    classifier = AutoModelForSequenceClassification.from_pretrained(
        model, num_labels=1, use_safetensors=True, trust_remote_code=False
    ).eval()
    set_head(classifier, tensors["weight"], tensors["bias"])
    return tokenizer, classifier


def set_head(model: Any, weight: Any, bias: Any) -> None:
    import torch

    layer = last_linear(model)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight).reshape(1, -1))
        layer.bias.copy_(torch.as_tensor(bias).reshape(1))


def save_classifier(tokenizer: Any, model: Any, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
