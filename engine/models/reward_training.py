"""Training a reward model's last layer on preference pairs, its body frozen.

The body runs once over all texts, and the inputs of its last linear layer are stored. A
Bradley–Terry fit of that layer alone is a convex problem with a few hundred parameters: it takes
seconds and is deterministic. Continuing from an earlier head means penalizing the distance from it,
so that the new model is the old one, adjusted to the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput
from engine.models.device import pick_device
from engine.models.hf import load_classifier
from engine.models.protocols import Text
from engine.models.reward import encode, token_batches, token_limit
from engine.models.reward_head import last_linear, save_classifier, set_head

FOLDS = 5


@dataclass(frozen=True)
class Head:
    """Agreement is the share of pairs whose chosen side gets the higher reward. The held-out value
    is None if all pairs share one opening turn, so that none can be held out."""

    weight: NDArray[np.float64]
    agreement: float
    held_out_agreement: float | None


def head_inputs(tokenizer: Any, model: Any, texts: Sequence[Text]) -> NDArray[np.float64]:
    """The input of the last linear layer for each text, float64 [n, width]."""
    import torch

    limit = token_limit(tokenizer, model)
    layer = last_linear(model)
    captured: list[Any] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: captured.append(inputs[0]))
    out = np.zeros((len(texts), layer.in_features))
    encoded = [encode(tokenizer, text, limit)[0] for text in texts]
    try:
        with torch.inference_mode():
            for batch in token_batches([len(item["input_ids"]) for item in encoded], 2_048):
                inputs = tokenizer.pad([encoded[i] for i in batch], return_tensors="pt")
                model(**inputs.to(model.device))
                entering = captured.pop()
                if entering.ndim != 2 or layer.bias is None:
                    raise BadInput(
                        "continue_from needs an encoder with one reward per text; "
                        "this model scores token by token: name a trained post-D model"
                    )
                out[batch] = entering.double().cpu().numpy()
    finally:
        hook.remove()
    return out


def bradley_terry(
    differences: NDArray[np.float64], start: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    """Minimise mean log(1 + exp(-d·w)) + penalty/2 · |w - start|², by L-BFGS from `start`."""
    from scipy.optimize import minimize

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = differences @ w
        value = np.logaddexp(0, -margin).mean() + penalty / 2 * ((w - start) ** 2).sum()
        slope = -(differences.T @ (1 / (1 + np.exp(margin)))) / len(margin)
        return value, slope + penalty * (w - start)

    result = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2_000})
    weight: NDArray[np.float64] = result.x
    return weight


def fit_head(
    chosen: NDArray[np.float64],
    rejected: NDArray[np.float64],
    start: NDArray[np.float64],
    penalty: float,
    groups: Sequence[str],
) -> Head:
    """Fit on all pairs; measure in sample and by cross-validation that keeps `groups` together.

    `groups` are the opening turns: pairs with the same opening are never on both sides of a fold.
    """
    differences = chosen - rejected
    weight = bradley_terry(differences, start, penalty)
    place = {group: i for i, group in enumerate(sorted(set(groups)))}
    fold = np.array([place[group] % FOLDS for group in groups], dtype=np.int64)
    held_out = np.zeros(len(differences), dtype=bool)
    for k in range(FOLDS):
        inside = fold != k
        if inside.any() and (~inside).any():
            other = bradley_terry(differences[inside], start, penalty)
            held_out[~inside] = differences[~inside] @ other > 0
    return Head(
        weight,
        float((differences @ weight > 0).mean()),
        float(held_out.mean()) if len(place) > 1 else None,
    )


def continue_training(
    base: str,
    chosen: Sequence[Text],
    rejected: Sequence[Text],
    groups: Sequence[str],
    penalty: float,
    folder: Path,
    device: str = "auto",
    revision: str | None = None,
    pickle: bool = False,
    foreign_code: bool = False,
) -> Head:
    """Train the last layer of `base` further on these pairs and save the model in `folder`.

    This is SEAL's post-D model, trained on the same dataset that it then scores (paper, section 3).
    The intercept cannot be learned from pairs and stays unchanged.
    """
    import torch

    where = pick_device(device)
    tokenizer, model = load_classifier(base, where, torch.float32, revision, pickle, foreign_code)
    layer = last_linear(model)
    start = layer.weight.detach().double().cpu().numpy()[0]
    # A pair's two sides often share their context; equal texts are encoded once.
    unique = {text.text_id: text for text in (*chosen, *rejected)}
    inputs = head_inputs(tokenizer, model, list(unique.values()))
    row = {text_id: i for i, text_id in enumerate(unique)}
    head = fit_head(
        inputs[[row[text.text_id] for text in chosen]],
        inputs[[row[text.text_id] for text in rejected]],
        start,
        penalty,
        groups,
    )
    set_head(model, head.weight, layer.bias.detach().clone())
    save_classifier(tokenizer, model, folder)
    return head
