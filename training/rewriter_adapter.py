"""Train the LoRA adapter that makes SmolLM2 a rewriter.

    python -m training.rewriter_adapter [--epochs N]

Neutral and placebo pairs are used both ways; every tenth pair is held out. The loss is that of the
rewritten text alone.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import torch

from engine import strategies
from engine.models.rewriter import prompt
from training import lora
from training.examples import rows

BATCH = 8


class Paraphrase(NamedTuple):
    strategy: str
    original: str
    rewritten: str


def split() -> tuple[list[Paraphrase], list[Paraphrase]]:
    """The paraphrases for training and those held out."""
    train, held_out = [], []
    for n, row in enumerate(rows("paraphrases.jsonl")):
        item = Paraphrase(row["strategy"], row["original"].strip(), row["rewritten"].strip())
        if n % 10 == 0:
            held_out.append(item)
            continue
        train.append(item)
        if item.strategy != "more-positive":
            train.append(Paraphrase(item.strategy, item.rewritten, item.original))
    return train, held_out


def loss_of(tokenizer: Any, model: Any, batch: list[Paraphrase]) -> torch.Tensor:
    rows, targets = [], []
    for item in batch:
        asked = prompt("the base", tokenizer, item.original, strategies.find(item.strategy))
        head = tokenizer.encode(asked, add_special_tokens=False)
        tail = tokenizer.encode(item.rewritten, add_special_tokens=False)
        rows.append((head, [*tail, tokenizer.eos_token_id]))
    width = max(len(head) + len(tail) for head, tail in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    seen = torch.zeros_like(ids)
    predicts = torch.zeros_like(ids, dtype=torch.bool)
    for i, (head, tail) in enumerate(rows):
        end = len(head) + len(tail)
        ids[i, :end] = torch.tensor(head + tail)
        seen[i, :end] = 1
        predicts[i, len(head) - 1 : end - 1] = True  # a position predicts the token after it
        targets += tail
    hidden = model.base_model(input_ids=ids, attention_mask=seen).last_hidden_state
    # Only the rewritten tokens meet the vocabulary: its matrix is a third of the work.
    logits = model.get_output_embeddings()(hidden[predicts])
    return torch.nn.functional.cross_entropy(logits, torch.tensor(targets))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    epochs = parser.parse_args().epochs
    train, _ = split()
    layers = ["q_proj", "v_proj", "o_proj"]
    lora.train("rewriter-adapter", layers, train, BATCH, epochs, loss_of)


if __name__ == "__main__":
    main()
