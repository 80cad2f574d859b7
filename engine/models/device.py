"""Where a local model runs and in which number format."""

from __future__ import annotations

from typing import Any


def pick_device(wanted: str) -> str:
    """`auto` is the first CUDA device, else Apple's, else the CPU."""
    import torch

    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(wanted: str, device: str) -> Any:
    """`auto` is bfloat16 on CUDA and float32 elsewhere: without AMX a CPU is slower in bfloat16."""
    import torch

    if wanted == "auto":
        return torch.bfloat16 if device.startswith("cuda") else torch.float32
    return _named(wanted)


def reward_dtype(wanted: str) -> Any:
    """`auto` is float32 on every device: in bfloat16 close rewards become ties and small margins
    change their sign, and alignment counts signs."""
    import torch

    return torch.float32 if wanted == "auto" else _named(wanted)


def _named(name: str) -> Any:
    import torch

    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
