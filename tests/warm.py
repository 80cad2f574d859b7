"""Worker processes for engines in a test process: forked from one that has the heavy libraries."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

# What every worker imports sooner or later: ten seconds of CPU.
HEAVY = ["torch", "transformers", "sentence_transformers", "peft"]


class WarmProcess(ForkServerProcess):
    """With the environment of whoever starts it, as a process that is spawned has."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._environment = dict(os.environ)

    def run(self) -> None:
        os.environ.clear()
        os.environ.update(self._environment)
        super().run()


class WarmContext(ForkServerContext):
    Process = WarmProcess  # type: ignore[assignment]


def context() -> WarmContext:
    multiprocessing.get_context("forkserver").set_forkserver_preload(HEAVY)
    return WarmContext()
