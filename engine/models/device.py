"""The device of a local model and its number format."""

from __future__ import annotations

from typing import Any

from engine.errors import MachineError


def pick_device(device: str) -> str:
    """`auto` is the first CUDA device, else Apple's, else the CPU.

    Raises MachineError for a device that this machine, or its torch, does not have.
    """
    import torch

    if device == "cpu":
        return device
    if device != "auto":
        _check(device)
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _check(device: str) -> None:
    """Raises MachineError if torch cannot put a number there."""
    import torch

    try:
        torch.zeros(1, device=device)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # of another class for every way in which a device is not there
        kind = device.partition(":")[0]
        count = torch.cuda.device_count() if kind == "cuda" else 0
        seen = f", which has cuda:0 to cuda:{count - 1}" if count else ""
        raise MachineError(
            f'executor.devices: "{device}" cannot be used on this machine{seen} (torch '
            f'{torch.__version__}): set devices = "auto" or "cpu" under [executor], or install '
            "torch for this device"
        ) from error


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
