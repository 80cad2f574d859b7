"""Fit the label heads on frozen MiniLM embeddings.

    python -m training.label_heads

Writes engine/sample_data/models/label-heads. The strength of the penalty is chosen per feature by
cross-validation among the training conversations.
"""

from __future__ import annotations

import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict, cross_val_score

from engine.models.embedded import ADAPTERS
from engine.models.embedder import load_sentence_model
from engine.models.head_labeler import WEIGHTS, design
from engine.taxonomy import load
from training.examples import label_examples

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)


def main() -> None:
    features = load()
    examples = [e for e in label_examples(features) if not e.held_out]
    x = design(load_sentence_model("embedded:minilm", "cpu"), [e.text for e in examples])
    groups = [e.text.context for e in examples]
    heads = {}
    for k, feature in enumerate(features):
        y = np.array([feature.values.index(e.labels[k]) for e in examples])

        def model(c: float) -> LogisticRegression:
            return LogisticRegression(C=c, max_iter=5_000, fit_intercept=False)

        def quality(c: float, y: np.ndarray = y) -> float:
            folds = GroupKFold(5)
            scores = cross_val_score(
                model(c), x, y, groups=groups, cv=folds, scoring="neg_log_loss"
            )
            return float(scores.mean())

        best = max(PENALTIES, key=quality)
        weight = model(best).fit(x, y).coef_
        if len(weight) == 1:  # two values: one row, the log-odds of the higher one
            folds = GroupKFold(5)
            odds = cross_val_predict(
                model(best), x, y, groups=groups, cv=folds, method="decision_function"
            )
            # A weak head says the commoner value nearly always. Its threshold is put where, on
            # conversations it has not seen, it says yes as often as is true.
            weight[0, -1] -= np.quantile(odds, 1 - y.mean())
            weight = np.vstack([np.zeros_like(weight), weight])
        # safetensors writes the bytes as they lie; scikit-learn's may lie by columns.
        heads[feature.name] = np.ascontiguousarray(weight, dtype=np.float32)
        print(f"{feature.name:28s} C={best:<5} log loss {-quality(best):.3f}", flush=True)
    folder = ADAPTERS / "label-heads"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(heads, folder / WEIGHTS)


if __name__ == "__main__":
    main()
