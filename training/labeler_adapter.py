"""Train the LoRA adapter that makes SmolLM2 a labeler.

    python -m training.labeler_adapter [--epochs N]

Each step asks a random part of the questions about a few entries; the loss is the cross-entropy of
the answer words alone.
"""

from __future__ import annotations

import argparse
import random
from typing import Any

import torch

from engine.models.logit_labeler import answer_logits, clip_entry, pack, prompts
from engine.taxonomy import load
from training import lora
from training.examples import Example, label_examples

BATCH, ASKED = 4, 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    epochs = parser.parse_args().epochs
    features = load()
    ask = random.Random(lora.SEED)

    def loss_of(tokenizer: Any, model: Any, batch: list[Example]) -> torch.Tensor:
        prompt = prompts("the base", tokenizer, features)
        chosen = [ask.sample(range(len(features)), ASKED) for _ in batch]
        entries = [clip_entry(tokenizer, example.text.transcript) for example in batch]
        packed = pack(entries, prompt, chosen, tokenizer.pad_token_id or 0)
        losses = [
            torch.nn.functional.cross_entropy(
                logits[None], torch.tensor([features[q].values.index(batch[row].labels[q])])
            )
            for (row, q, _), logits in zip(
                packed["last"], answer_logits(model, packed, prompt), strict=True
            )
        ]
        return torch.stack(losses).mean()

    examples = [example for example in label_examples(features) if not example.held_out]
    lora.train("labeler-adapter", ["q_proj", "v_proj"], examples, BATCH, epochs, loss_of)


if __name__ == "__main__":
    main()
