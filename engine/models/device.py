"""The device of a local model and its number format."""

from __future__ import annotations

from typing import Any


def pick_device(device: str) -> str:
    """`auto` is the first CUDA device, else Apple's, else the CPU."""
    import torch

    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(dtype: str, device: str) -> Any:
    """`auto` is bfloat16 on CUDA and float32 elsewhere: without AMX a CPU is slower in bfloat16."""
    import torch

    if dtype == "auto":
        return torch.bfloat16 if device.startswith("cuda") else torch.float32
    return _dtype(dtype)


def reward_dtype(dtype: str) -> Any:
    """`auto` is float32 on every device: in bfloat16, close rewards become ties and small margins
    change sign, and alignment counts signs."""
    import torch

    return torch.float32 if dtype == "auto" else _dtype(dtype)


def _dtype(name: str) -> Any:
    import torch

    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
