"""Train the LoRA adapter that makes SmolLM2 a rewriter.

    python -m sample_data.training.rewriter_adapter [--epochs N]

Neutral and placebo pairs are used both ways; every tenth pair is held out. The loss is that of the
rewritten text alone.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import torch

from engine.models.rewriter import prompt
from sample_data.training import lora
from sample_data.training.examples import rows

BATCH, IGNORED = 8, -100


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


def encode(tokenizer: Any, item: Paraphrase) -> tuple[list[int], list[int]]:
    """Token ids, and the same as targets with the prompt ignored."""
    asked = prompt(tokenizer, item.original, item.strategy)
    head = tokenizer.encode(asked, add_special_tokens=False)
    tail = [*tokenizer.encode(item.rewritten, add_special_tokens=False), tokenizer.eos_token_id]
    return head + tail, [IGNORED] * len(head) + tail


def loss_of(tokenizer: Any, model: Any, batch: list[Paraphrase]) -> torch.Tensor:
    encoded = [encode(tokenizer, item) for item in batch]
    width = max(len(ids) for ids, _ in encoded)

    def padded(row: list[int], filler: int) -> list[int]:
        return row + [filler] * (width - len(row))

    loss: torch.Tensor = model(
        input_ids=torch.tensor([padded(ids, 0) for ids, _ in encoded]),
        attention_mask=torch.tensor([padded([1] * len(ids), 0) for ids, _ in encoded]),
        labels=torch.tensor([padded(targets, IGNORED) for _, targets in encoded]),
    ).loss
    return loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    epochs = parser.parse_args().epochs
    train, _ = split()
    layers = ["q_proj", "v_proj", "o_proj"]
    lora.train("rewriter-adapter", layers, train, BATCH, epochs, loss_of)


if __name__ == "__main__":
    main()
