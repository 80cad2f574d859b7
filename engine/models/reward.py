"""Reward models: standard sequence classifiers, scored by raw logits (paper, section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine.errors import BadInput
from engine.models.classifier import Source
from engine.models.device import pick_device, reward_dtype
from engine.models.protocols import Rewards, Text
from engine.models.reward_config import Reading
from engine.models.reward_inputs import (
    Encoded,
    encoder,
    pad,
    padding,
    text_config,
    token_batches,
    token_limit,
)
from engine.models.reward_loading import load_classifier

_FAILED = "the reward is not finite"


class SequenceClassifierReward:
    """Scores entries with an `AutoModelForSequenceClassification`, or a LoRA adapter of one."""

    def __init__(
        self,
        source: Source | str,
        device: str = "auto",
        dtype: str = "auto",
        reading: Reading | None = None,
        budget: int | None = None,
    ) -> None:
        source = Source(source) if isinstance(source, str) else source
        reading = reading or Reading()
        where = pick_device(device)
        self.tokenizer, self.model = load_classifier(source, where, reward_dtype(dtype))
        self.output = chosen_output(source.model, self.model, reading)
        self.limit = token_limit(source.model, self.model, reading.max_tokens)
        self.encoder = encoder(source.model, self.tokenizer, self.limit, reading)
        # A CPU is fastest at a few thousand tokens, a GPU needs many more (docs/performance.md).
        self.budget = budget or (2_048 if where == "cpu" else 32_768)

    def score(self, texts: Sequence[Text]) -> Rewards:
        import torch

        encoded = [self.encoder.encode(text) for text in texts]
        readable = {i: item for i, item in enumerate(encoded) if isinstance(item, Encoded)}
        problems = [item if isinstance(item, str) else None for item in encoded]
        rewards = np.zeros(len(texts), dtype=np.float64)
        tokens = np.zeros(len(texts), dtype=np.int32)
        truncated = np.zeros(len(texts), dtype=np.bool_)
        rows = list(readable)
        for i, item in readable.items():
            tokens[i], truncated[i] = item.tokens, item.truncated
        lengths = [len(item.inputs["input_ids"]) for item in readable.values()]
        with torch.inference_mode():
            for batch in token_batches(lengths, self.budget):
                places = [rows[i] for i in batch]
                logits = forward(
                    self.model, self.tokenizer, [readable[i].inputs for i in places]
                ).logits[:, self.output]
                rewards[places] = logits.double().cpu().numpy()
        for i in rows:
            problems[i] = None if np.isfinite(rewards[i]) else _FAILED
        return Rewards(rewards, tokens, truncated, tuple(problems))


def forward(model: Any, tokenizer: Any, inputs: Sequence[dict[str, list[int]]]) -> Any:
    """One pass over these inputs as a batch, each read at its last token."""
    import torch

    rows = [row["input_ids"] for row in inputs]
    vocabulary = getattr(text_config(model.config), "vocab_size", None) or len(tokenizer)
    token = padding(rows, tokenizer.pad_token_id, vocabulary)
    columns = {
        key: torch.tensor(values, device=model.device) for key, values in pad(inputs, token).items()
    }
    with _padded_with(model, token):
        return model(**columns)


@contextmanager
def _padded_with(model: Any, token: int) -> Iterator[None]:
    """Tells the model what the padding is: its classes for causal models score the last token that
    is none."""
    configs = (model.config, text_config(model.config))
    before = [getattr(each, "pad_token_id", None) for each in configs]
    for each in configs:
        each.pad_token_id = token
    try:
        yield
    finally:
        for each, value in zip(configs, before, strict=True):
            each.pad_token_id = value


def chosen_output(name: str, model: Any, reading: Reading) -> int:
    """The index of the output that is the reward. Raises BadInput if it is not clear."""
    count = model.config.num_labels
    if reading.output is None:
        if count == 1:
            return 0
        labels = ", ".join(f"{i} {label}" for i, label in sorted(model.config.id2label.items()))
        raise BadInput(
            f"{name} has {count} outputs ({labels}); output = N says which of them is the reward"
        )
    if not 0 <= reading.output < count:
        raise BadInput(f"output = {reading.output}, but {name} has outputs 0 to {count - 1}")
    return reading.output
