"""Reward models: standard sequence classifiers, scored by raw logits (paper, section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from engine.models.device import pick_device, reward_dtype
from engine.models.hf import load_classifier
from engine.models.protocols import Rewards, Text

MAX_TOKENS = 4096


def token_limit(tokenizer: Any, model: Any) -> int:
    """The longest input of the model, in tokens."""
    config = model.config
    if getattr(config, "relative_attention", False):
        return MAX_TOKENS  # DeBERTa was trained at 512 but has no limit, and SEAL used whole texts
    positions = getattr(config, "max_position_embeddings", None) or 512
    if "roberta" in config.model_type:
        positions -= 2  # its positions start after the padding index
    return int(min(positions, MAX_TOKENS))


def encode(tokenizer: Any, text: Text, limit: int) -> tuple[dict[str, list[int]], int, bool]:
    """Tokenize (context, response) as a pair, the response with its marker, as SEAL does.

    A text that is too long loses the beginning of its context, then the end of its response, since
    the reward rates the last response. Returns the encoding, the length before truncation, and
    whether it was truncated.
    """
    if getattr(tokenizer, "chat_template", None):
        return _encode_chat(tokenizer, text, limit)
    encoded = tokenizer(text.context.strip(), f"Assistant: {text.response}")
    total = len(encoded["input_ids"])
    excess = total - limit
    if excess <= 0:
        return dict(encoded), total, False
    part = encoded.sequence_ids(0)
    context = [at for at, sequence in enumerate(part) if sequence == 0]
    response = [at for at, sequence in enumerate(part) if sequence == 1]
    from_context = min(excess, len(context))
    dropped = {*context[:from_context], *response[len(response) - (excess - from_context) :]}
    positions = [at for at in range(total) if at not in dropped]
    return {key: [row[at] for at in positions] for key, row in encoded.items()}, total, True


def _encode_chat(tokenizer: Any, text: Text, limit: int) -> tuple[dict[str, list[int]], int, bool]:
    """The same for a model with a chat template; truncation keeps the end."""
    messages = [
        {"role": message.role, "content": message.content} for message in text.conversation.messages
    ]
    encoded = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True)
    total = len(encoded["input_ids"])
    return {key: list(row)[-limit:] for key, row in encoded.items()}, total, total > limit


def token_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices of rows, longest first, so that rows × longest stays within `budget` tokens."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batch: list[int] = []
    for i in order:
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


class SequenceClassifierReward:
    """Scores entries with an `AutoModelForSequenceClassification` with one output."""

    def __init__(
        self,
        model: str,
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        pickle: bool = False,
        foreign_code: bool = False,
        budget: int | None = None,
    ) -> None:
        where = pick_device(device)
        self.tokenizer, self.model = load_classifier(
            model, where, reward_dtype(dtype), revision, pickle, foreign_code
        )
        self.limit = token_limit(self.tokenizer, self.model)
        # A CPU is fastest at a few thousand tokens, a GPU needs many more (docs/performance.md).
        self.budget = budget or (2_048 if where == "cpu" else 32_768)

    def score(self, texts: Sequence[Text]) -> Rewards:
        import torch

        encoded = [encode(self.tokenizer, text, self.limit) for text in texts]
        rewards = np.zeros(len(texts), dtype=np.float64)
        lengths = [len(item["input_ids"]) for item, _, _ in encoded]
        with torch.inference_mode():
            for batch in token_batches(lengths, self.budget):
                inputs = self.tokenizer.pad([encoded[i][0] for i in batch], return_tensors="pt")
                logits = self.model(**inputs.to(self.model.device)).logits[:, 0]
                rewards[batch] = logits.double().cpu().numpy()
        return Rewards(
            rewards,
            np.array([total for _, total, _ in encoded], dtype=np.int32),
            np.array([cut for _, _, cut in encoded], dtype=bool),
            tuple(None if np.isfinite(r) else "the reward is not finite" for r in rewards),
        )
