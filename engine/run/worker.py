"""The child process that holds torch and the models. It knows no database and no run.

It answers one request at a time over a pipe: `(operation, arguments)` in, `("ok", result)`,
`("oom", "")` or an error `(kind, message)` out. When the pipe closes or the engine dies, it leaves.
"""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engine.errors import explain
from engine.models.errors import replaced
from engine.models.specs import Model, RewardSpec, Spec, build, fingerprint

NICENESS = 10


def main(pipe: Connection, device: str) -> None:
    # What the libraries print goes to engine.log; their bars and reports would drown the rest.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    # Threads of torch that wait for each other sleep instead of spinning: the server, the explorer
    # and other people's programs want the same cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not device.startswith("cuda"):  # a GPU must not wait for whoever has the cores
        # Below the engine, which answers people while every core is at work on a batch.
        os.nice(NICENESS)
    threading.Thread(target=_leave_with_engine, daemon=True).start()
    state = Worker(device)
    while True:
        try:
            operation, arguments = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        pipe.send(_answer(state, operation, arguments))


def _leave_with_engine() -> None:
    """Nobody will take the result of the batch in work, and it may take long."""
    if (engine := parent_process()) is not None:
        engine.join()
        os._exit(1)


def _answer(state: Worker, operation: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
    try:
        return "ok", getattr(state, operation)(*arguments)
    except Exception as error:
        # torch's own error of this is known by name, without importing torch here.
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return "oom", ""
        known = explain(error)
        return known.kind.value, str(known)


class Worker:
    """The operations. Holds at most one model."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.loaded: tuple[Spec, dict[str, Any]] | None = None
        self.model: Model | None = None

    def devices(self) -> list[str]:
        """The devices to use when the study says `auto`."""
        import torch

        if torch.cuda.is_available():
            return [f"cuda:{i}" for i in range(torch.cuda.device_count())]
        return ["auto"]

    def where(self, spec: Spec) -> str:
        """The device that this model runs on here; `endpoint` where it runs elsewhere."""
        from engine.models.device import pick_device

        if getattr(spec, "backend", "torch") == "endpoint":
            return "endpoint"
        return pick_device(self.device)

    def identify(self, spec: Spec) -> dict[str, Any]:
        return fingerprint(spec, self.device)

    def load(self, spec: Spec, identity: dict[str, Any]) -> None:
        """Make `spec` the model that is called, if it is not.

        Raises MachineError when it is not the model that `identity`, its fingerprint, was taken of:
        its results would be stored under another model's name.
        """
        if self.loaded != (spec, identity):
            self.model = self.loaded = None  # the old weights go before the new ones come
            model = build(spec, self.device)
            self._check(spec, identity)
            self.model, self.loaded = model, (spec, identity)

    def _check(self, spec: Spec, identity: dict[str, Any]) -> None:
        if fingerprint(spec, self.device) != identity:
            raise replaced(spec.model)

    def call(self, method: str, *arguments: Any) -> Any:
        """Run one method of the loaded model."""
        return getattr(self.model, method)(*arguments)

    def train(
        self,
        base: RewardSpec,
        identity: dict[str, Any],
        chosen: list[Any],
        rejected: list[Any],
        groups: list[str],
        penalty: float,
        folder: str,
    ) -> tuple[float, float | None]:
        """Continue a reward model on pairs; (agreement in sample, held out or None)."""
        from engine.models.reward_training import continue_training

        head = continue_training(
            base.model,
            chosen,
            rejected,
            groups,
            penalty,
            Path(folder),
            self.device,
            base.revision,
            base.allow_pickle,
            base.trust_remote_code,
        )
        self._check(base, identity)
        return head.agreement, head.held_out_agreement
