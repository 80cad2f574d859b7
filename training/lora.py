"""The one LoRA training loop that both adapters share."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from peft import LoraConfig, get_peft_model

from engine.models.embedded import ADAPTERS
from engine.models.hf import load_causal

RATE, SEED, RANK = 1e-3, 7, 8
BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
Item = TypeVar("Item")


def train(
    name: str,
    layers: list[str],
    items: Sequence[Item],
    batch: int,
    epochs: int,
    loss_of: Callable[[Any, Any, list[Item]], torch.Tensor],
) -> None:
    """Train an adapter on SmolLM2's `layers` and save it as engine/sample_data/models/NAME.

    `loss_of(tokenizer, model, items)` is the loss of one batch.
    """
    torch.manual_seed(SEED)
    shuffle = random.Random(SEED)
    tokenizer, base = load_causal("embedded:smollm2", None, "cpu", torch.float32)
    config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=layers, task_type="CAUSAL_LM")
    tuned = get_peft_model(base, config)
    model = tuned.base_model.model
    weights = [p for p in tuned.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.01)
    per_epoch = len(items) // batch
    steps = epochs * per_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    started, step, running = time.monotonic(), 0, 0.0
    for epoch in range(epochs):
        order = shuffle.sample(range(len(items)), len(items))
        for at in range(0, per_epoch * batch, batch):
            loss = loss_of(tokenizer, model, [items[i] for i in order[at : at + batch]])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            running = loss.item() if step == 1 else 0.95 * running + 0.05 * loss.item()
            if step % 20 == 0:
                left = (time.monotonic() - started) / step * (steps - step) / 60
                print(
                    f"epoch {epoch + 1} step {step}/{steps} loss {running:.3f} {left:.1f} min left",
                    flush=True,
                )
    save(tuned, name)


def save(tuned: Any, name: str) -> None:
    """The adapter alone, in bfloat16, naming its base by its public name."""
    folder = ADAPTERS / name
    tuned.to(torch.bfloat16).save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # an empty form that peft fills in
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text()) | {"base_model_name_or_path": BASE}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
