"""The small LM-labeler: one linear head per feature on frozen sentence embeddings.

An entry is three embeddings side by side: its last response, everything the human said, and
everything the assistant said. A head is a softmax regression over the feature's values.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput
from engine.models.embedded import resolve
from engine.models.embedder import embed, load_sentence_model
from engine.models.protocols import Labels, Text
from engine.taxonomy import Feature

WEIGHTS = "heads.safetensors"


def design(model: Any, texts: Sequence[Text]) -> NDArray[np.float64]:
    """The inputs of the heads, float64 [n, 3 × width + 1]; the last column is 1."""
    parts: list[str] = []
    for text in texts:
        messages = text.conversation.messages
        parts.append(text.response)
        parts.append("\n".join(m.content for m in messages if m.role == "user"))
        parts.append("\n".join(m.content for m in messages if m.role == "assistant"))
    vectors = embed(model, parts)
    wide = vectors.reshape(len(texts), -1)
    return np.hstack([wide, np.ones((len(texts), 1))])


def _matrices(path: Path) -> dict[str, NDArray[Any]]:
    """The matrix of every feature. Raises BadInput for a file that is damaged."""
    from safetensors.numpy import load_file

    try:
        weights: dict[str, NDArray[Any]] = load_file(path)
    except Exception as error:  # of another class for every way in which a file is damaged
        raise BadInput(f"{path} is damaged or cut short: copy the label heads again") from error
    for name, matrix in weights.items():
        if matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.floating):
            raise BadInput(f"{path}: {name} is no matrix of numbers: save the label heads again")
    return weights


class HeadLabeler:
    def __init__(self, heads: str, features: Sequence[Feature], device: str = "auto") -> None:
        """`heads` is a folder with heads.safetensors: per feature name a [values, width] matrix.

        Raises BadInput for a feature that the heads were not trained on.
        """
        path = Path(resolve(heads)) / WEIGHTS
        if not path.exists():
            raise BadInput(f"{path} is missing: this is not a folder of label heads")
        self.weights = _matrices(path)
        unknown = [f.name for f in features if f.name not in self.weights]
        if unknown:
            raise BadInput(
                f"the label heads are not trained for {', '.join(unknown)}: use a torch or "
                "endpoint labeler for features of your own"
            )
        other = [f.name for f in features if len(self.weights[f.name]) != len(f.values)]
        if other:
            raise BadInput(
                f"the label heads have {', '.join(other)} with another kind: keep the kind of the "
                "default taxonomy, or use a torch or endpoint labeler"
            )
        self.features = tuple(features)
        self.model = load_sentence_model("embedded:minilm", device)

    def label(self, texts: Sequence[Text]) -> Labels:
        x = design(self.model, texts)
        values = np.zeros((len(texts), len(self.features)), dtype=np.int8)
        scores = np.zeros(values.shape, dtype=np.float32)
        for k, feature in enumerate(self.features):
            logits = x @ self.weights[feature.name].astype(np.float64).T
            values[:, k] = np.array(feature.values)[logits.argmax(axis=1)]
            scores[:, k] = logits[:, -1] - logits[:, :-1].max(axis=1)
        return Labels(values, scores, (None,) * len(texts))
