"""Rewriting strategies: one module each, which defines `STRATEGY`.

A strategy's rewrites are stored under the digest of its own instruction, so adding or changing
another strategy does not affect them.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import Any

DEFAULT = ("neutral", "more-positive", "placebo")  # of a study that does not set `strategies`


@dataclass(frozen=True)
class Strategy:
    """`local` is the instruction for a small local model, which was trained on this exact wording;
    `endpoint` that for a large model on a server. `purpose` is shown to users."""

    name: str
    purpose: str
    local: str
    endpoint: str


def names() -> tuple[str, ...]:
    """All strategies, the default ones first."""
    return tuple(_table())


def find(name: str) -> Strategy:
    """The strategy of this name. A name unknown to this version, in a run folder of another one,
    gives a strategy without instructions: its rewrites can be read, but not written."""
    return _table().get(name) or Strategy(name, "", "", "")


def unknown(name: str) -> str | None:
    """The error message if there is no such strategy, else None."""
    return None if name in names() else f"no strategy {name!r}; there are {', '.join(names())}"


def digest(instruction: str) -> str:
    """The digest of an instruction, as part of a rewriter's fingerprint."""
    own = hashlib.sha256(json.dumps(instruction, sort_keys=True).encode()).hexdigest()
    return _COMBINED.get(own, own)


@cache
def _table() -> dict[str, Strategy]:
    table: dict[str, Strategy] = {}
    for module in pkgutil.iter_modules(__path__):
        strategy: Any = importlib.import_module(f"{__name__}.{module.name}").STRATEGY
        table[strategy.name] = strategy
    return {name: table[name] for name in (*DEFAULT, *sorted(table.keys() - set(DEFAULT)))}


# Version 0.1.0 stored rewrites under one digest of all instructions for local models, and one for
# servers. Strategies whose instruction is unchanged keep that digest, and so their rewrites.
_LOCAL = "df640bb6825f2ef1168fb32256cc682554796e442da314c6bc9170a824739982"
_ENDPOINT = "d14052b1f9192828b0f8f67ef401a277b95ff1fa2d6beb9d0dfcf78e0b197c1f"
_COMBINED = {
    "6e1fc5026a2478c659fcdc138e76d5cf4bfe8ec5234632674843d98b22ef008b": _LOCAL,
    "6e012ffe33a889ba96ab9e3f3cb3e19489e5104231e1d3e29f848eedf28c96bf": _LOCAL,
    "e9c8243ee3fe625f5f1011b667ea473255dad432c8c0ed7d3397fc8da395a629": _LOCAL,
    "10f5a33e09dffad86ae40c983b7878fdc57309ceb873f874c09df13c1775c18b": _ENDPOINT,
    "602313be312b984ed8b703a12ec5edf9597982e6ffbe7fd005470c4d6d2360b8": _ENDPOINT,
    "01308796a4a4cc558b06113743dfb1633de1fe2186cd094f83183e71c4c3d820": _ENDPOINT,
}
