"""Sentence embeddings and the cosine that guards a rewrite's meaning (paper, appendix)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.device import pick_device
from engine.models.embedded import resolve
from engine.models.loading import loading


def load_sentence_model(model: str, device: str) -> Any:
    """A SentenceTransformer from a folder or the hub.

    Raises SealError if it cannot be loaded.
    """
    with loading(model, "the embedder "):
        from sentence_transformers import SentenceTransformer

        loaded = SentenceTransformer(
            resolve(model),
            device=pick_device(device),
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
        # The shipped MiniLM stops at 256 tokens by default, though it has positions for 512.
        positions = getattr(loaded[0].auto_model.config, "max_position_embeddings", None)
        if positions:
            loaded.max_seq_length = min(positions, 8_192)
    return loaded


def embed(model: Any, texts: Sequence[str]) -> NDArray[np.float64]:
    """Unit vectors, float64 [n, width]. Equal texts are embedded once."""
    unique = sorted(set(texts), key=lambda text: (-len(text), text))
    vectors = model.encode(
        unique, batch_size=16, normalize_embeddings=True, show_progress_bar=False
    )
    row = {text: i for i, text in enumerate(unique)}
    in_order: NDArray[np.float64] = np.asarray(vectors, dtype=np.float64)[[row[t] for t in texts]]
    return in_order


class SentenceEmbedder:
    def __init__(self, model: str, device: str = "auto") -> None:
        self.model = load_sentence_model(model, device)

    def cosines(self, groups: Sequence[Sequence[tuple[str, str]]]) -> list[list[float]]:
        pairs = [pair for group in groups for pair in group]
        vectors = embed(self.model, [text for pair in pairs for text in pair])
        products = np.clip((vectors[::2] * vectors[1::2]).sum(axis=1), -1.0, 1.0).tolist()
        flat = iter(products)
        return [[next(flat) for _ in group] for group in groups]
