"""Train the head of the `pre` reward model on the own-written helpfulness pairs.

    python -m training.reward_pre

Writes engine/sample_data/models/reward-pre (the head alone; the body is MiniLM as shipped).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from engine.models.embedded import REWARD_HEAD, minilm_folder
from engine.models.reward import SequenceClassifierReward
from engine.models.reward_head import save_classifier, with_head
from engine.models.reward_training import fit_head, head_inputs
from training.examples import rows, text

PENALTY = 1e-3


def main() -> None:
    pairs = rows("helpful_pairs.jsonl")
    width = 384
    zero = {"weight": np.zeros(width, np.float32), "bias": np.zeros(1, np.float32)}
    with tempfile.TemporaryDirectory() as folder:
        save_classifier(*with_head(str(minilm_folder()), zero), Path(folder))
        reward = SequenceClassifierReward(folder, "cpu", "float32")
    chosen, rejected = (
        head_inputs(reward, [text(n, p["context"], p[side]) for n, p in enumerate(pairs)])[0]
        for side in ("chosen", "rejected")
    )
    groups = [p["context"][0] for p in pairs]
    head = fit_head(chosen, rejected, np.zeros(width), PENALTY, groups)
    # Pairs say nothing of the zero point: put it at the mean reward of the training texts.
    bias = -float((np.vstack((chosen, rejected)) @ head.weight).mean())
    REWARD_HEAD.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {"weight": head.weight.astype(np.float32), "bias": np.array([bias], np.float32)},
        REWARD_HEAD,
    )
    measured = {
        "trained_on": f"{len(pairs)} own-written helpfulness pairs",
        "agreement": round(head.agreement, 4),
        "held_out_agreement": round(head.held_out_agreement or 0.0, 4),
    }
    (REWARD_HEAD.parent / "measured.json").write_text(json.dumps(measured, indent=2) + "\n")
    print(measured)


if __name__ == "__main__":
    main()
