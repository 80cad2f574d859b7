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
from engine.models.classifier import Source
from engine.models.protocols import Text
from engine.models.reward import SequenceClassifierReward, forward
from engine.models.reward_config import Reading
from engine.models.reward_head import last_linear, save_classifier, set_head
from engine.models.reward_inputs import Encoded, token_batches

FOLDS = 5


@dataclass(frozen=True)
class Head:
    """Agreement is the share of pairs whose chosen side gets the higher reward. The held-out value
    is None if all pairs share one opening turn, so that none can be held out."""

    weight: NDArray[np.float64]
    agreement: float
    held_out_agreement: float | None


def head_inputs(
    reward: SequenceClassifierReward, texts: Sequence[Text]
) -> tuple[NDArray[np.float64], list[str | None]]:
    """The input of the last linear layer for each text, float64 [n, width], and why a text has
    none."""
    import torch

    layer = last_linear(reward.model)
    captured: list[Any] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: captured.append(inputs[0]))
    out = np.zeros((len(texts), layer.in_features))
    encoded = [reward.encoder.encode(text) for text in texts]
    rows = [(i, item.inputs) for i, item in enumerate(encoded) if isinstance(item, Encoded)]
    try:
        with torch.inference_mode():
            for batch in token_batches([len(inputs["input_ids"]) for _, inputs in rows], 2_048):
                forward(reward.model, reward.tokenizer, [rows[i][1] for i in batch])
                entering = captured.pop()
                if entering.ndim != 2 or layer.bias is None:
                    raise BadInput(
                        "continue_from needs an encoder with one reward per text; "
                        "this model scores token by token: name a trained post-D model"
                    )
                out[[rows[i][0] for i in batch]] = entering.double().cpu().numpy()
    finally:
        hook.remove()
    return out, [item if isinstance(item, str) else None for item in encoded]


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
    base: Source,
    chosen: Sequence[Text],
    rejected: Sequence[Text],
    groups: Sequence[str],
    penalty: float,
    folder: Path,
    device: str = "auto",
    reading: Reading | None = None,
) -> Head:
    """Train the last layer of `base` further on these pairs and save the model in `folder`. Pairs
    with a text that the model cannot read are left out.

    This is SEAL's post-D model, trained on the same dataset that it then scores (paper, section 3).
    The intercept cannot be learned from pairs and stays unchanged.
    """
    reward = SequenceClassifierReward(base, device, "float32", reading)
    if reward.model.config.num_labels != 1:
        raise BadInput(
            f"continue_from needs a model with one output, and {base.model} has "
            f"{reward.model.config.num_labels}: name a trained post-D model"
        )
    layer = last_linear(reward.model)
    start = layer.weight.detach().double().cpu().numpy()[0]
    # A pair's two sides often share their context; equal texts are encoded once.
    unique = {text.text_id: text for text in (*chosen, *rejected)}
    inputs, problems = head_inputs(reward, list(unique.values()))
    row = {text_id: i for i, text_id in enumerate(unique) if problems[i] is None}
    pairs = [
        (row[one.text_id], row[other.text_id], group)
        for one, other, group in zip(chosen, rejected, groups, strict=True)
        if one.text_id in row and other.text_id in row
    ]
    if not pairs:
        raise BadInput(
            f"{base.model} cannot be trained on these pairs: {next(filter(None, problems))}"
        )
    left, right, openings = zip(*pairs, strict=True)
    head = fit_head(inputs[list(left)], inputs[list(right)], start, penalty, openings)
    set_head(reward.model, head.weight, layer.bias.detach().clone())
    save_classifier(reward.tokenizer, reward.model, folder)
    return head
