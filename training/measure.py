"""Measure both labelers against labels written by hand, and the rewriter on held-out paraphrases.

    python -m training.measure [labelers] [rewriter]

Writes measured.json beside the models it measured, which the manifest of a run quotes, and prints
the table that engine/sample_data/README.md shows.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from engine import data, strategies
from engine.models import guard
from engine.models.embedded import ADAPTERS
from engine.models.embedder import SentenceEmbedder
from engine.models.head_labeler import HeadLabeler
from engine.models.logit_labeler import LogitLabeler
from engine.models.protocols import Labeler, Text
from engine.models.recorded import read_labels
from engine.models.rewriter import CausalRewriter
from engine.paths import SAMPLE_DATA
from engine.taxonomy import Feature, load
from training.examples import label_examples
from training.rewriter_adapter import split

BATCH = 8


def gold(features: tuple[Feature, ...]) -> tuple[list[Text], NDArray[np.int64]]:
    """The sample set's entries and their gold labels."""
    labels = read_labels(SAMPLE_DATA / "gold_labels.jsonl", features).values
    texts: list[Text] = []
    values: list[list[int]] = []
    for pair in data.read_pairs(data.Source(path=SAMPLE_DATA / "pairs.jsonl", dataset=None)):
        assert isinstance(pair, data.Pair)
        for side, conversation in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            texts.append(Text(len(texts), conversation))
            values.append(labels[pair.source_id, side])
    return texts, np.array(values)


def quality(
    labeler: Labeler, features: tuple[Feature, ...], texts: Sequence[Text], truth: NDArray[np.int64]
) -> dict[str, dict[str, float]]:
    """Per feature: AUC of the highest value, accuracy, share of the commonest value."""
    found = [labeler.label(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]
    values = np.vstack([labels.values for labels in found])
    scores = np.vstack([labels.scores for labels in found])
    table = {}
    for k, feature in enumerate(features):
        top = truth[:, k] == feature.values[-1]
        shares = [float((truth[:, k] == value).mean()) for value in feature.values]
        table[feature.name] = {
            "auc": round(float(roc_auc_score(top, scores[:, k])), 3),
            "accuracy": round(float((values[:, k] == truth[:, k]).mean()), 3),
            "commonest": round(max(shares), 3),
        }
    return table


def measure_labelers() -> None:
    features = load()
    held_out = [e for e in label_examples(features) if e.held_out]
    sets = {
        "held_out": ([e.text for e in held_out], np.array([e.labels for e in held_out])),
        "sample": gold(features),
    }
    labelers: dict[str, Labeler] = {
        "label-heads": HeadLabeler("embedded:label-heads", features),
        "labeler-adapter": LogitLabeler("embedded:smollm2", "embedded:labeler-adapter", features),
    }
    results = {}
    for name, labeler in labelers.items():
        started = time.monotonic()
        measured = {
            key: quality(labeler, features, texts, truth) for key, (texts, truth) in sets.items()
        }
        count = sum(len(texts) for texts, _ in sets.values())
        seconds = time.monotonic() - started
        print(f"{name}: {count / seconds:.1f} entries/s", flush=True)
        results[name] = measured
        path = ADAPTERS / name / "measured.json"
        path.write_text(json.dumps(measured, indent=2) + "\n")
    print("| feature | heads held out | heads sample | SmolLM2 held out | SmolLM2 sample |")
    print("|---|---|---|---|---|")
    for feature in (*(f.name for f in features), "mean"):
        cells = []
        for name in labelers:
            for key in sets:
                rows = results[name][key]
                picked = list(rows.values()) if feature == "mean" else [rows[feature]]
                auc = np.mean([row["auc"] for row in picked])
                accuracy = np.mean([row["accuracy"] for row in picked])
                cells.append(f"{auc:.2f} / {accuracy:.2f}")
        print(f"| {feature} | {' | '.join(cells)} |")


def measure_rewriter() -> None:
    rewriter = CausalRewriter("embedded:smollm2", "embedded:rewriter-adapter")
    embedder = SentenceEmbedder("embedded:minilm")
    _, held_out = split()
    measured = {}
    for strategy in ("neutral", "more-positive", "placebo"):
        originals = [item.original for item in held_out if item.strategy == strategy]
        written = rewriter.rewrite(originals, strategies.find(strategy))
        refused = [guard.refusal_reason(a, b) for a, b in zip(originals, written, strict=True)]
        kept = [(a, b) for a, b, r in zip(originals, written, refused, strict=True) if r is None]
        cosines = [row[0] for row in embedder.cosines([[pair] for pair in kept])]
        measured[strategy] = {
            "n": len(originals),
            "refused": {r: refused.count(r) for r in sorted({r for r in refused if r})},
            "mean_cosine": round(float(np.mean(cosines)), 3),
            "share_over_0.7": round(float(np.mean([c >= 0.7 for c in cosines])), 3),
        }
        for a, b in list(zip(originals, written, strict=True))[:4]:
            print(f"{strategy}\n  - {a}\n  + {b}", flush=True)
    path = ADAPTERS / "rewriter-adapter" / "measured.json"
    path.write_text(json.dumps(measured, indent=2) + "\n")
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["labelers", "rewriter"]
    if "labelers" in wanted:
        measure_labelers()
    if "rewriter" in wanted:
        measure_rewriter()
