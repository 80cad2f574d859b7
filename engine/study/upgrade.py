"""Upgrades study.json from the formats of older versions, one step per format."""

from __future__ import annotations

from typing import Any

from engine.backends.kinds import LABELERS, REWARDS, REWRITERS
from engine.registry import Registry

FORMAT = 2


def upgraded(raw: dict[str, Any]) -> dict[str, Any]:
    """The content in the current format. Raises KeyError or TypeError if it is not a study."""
    if raw.get("format", 1) < 2:
        raw = _to_format_2(raw)
    return {key: value for key, value in raw.items() if key != "format"}


def _to_format_2(raw: dict[str, Any]) -> dict[str, Any]:
    """Format 1 (version 0.1.0) wrote the keys of all back ends into every table, null where they
    did not apply, and derived the back end of rewards from the key that was set."""
    labelers = {
        name: _own_keys(table, table["backend"], LABELERS)
        for name, table in raw["labelers"].items()
    }
    return {
        **raw,
        "labelers": labelers,
        "pre": _own_keys(raw["pre"], _reward_backend(raw["pre"]), REWARDS),
        "post": _own_keys(raw["post"], _reward_backend(raw["post"]), REWARDS),
        "rewriter": _own_keys(raw["rewriter"], raw["rewriter"]["backend"], REWRITERS),
        "embedder": {"backend": "torch", **raw["embedder"]},
    }


def _reward_backend(table: dict[str, Any]) -> str:
    if table.get("path") is not None:
        return "recorded"
    return "continued" if table.get("continue_from") is not None else "torch"


def _own_keys(table: dict[str, Any], backend: str, registry: Registry[Any]) -> dict[str, Any]:
    keys = registry.find(backend, "backend").__struct_fields__
    own = {key: table[key] for key in keys if table.get(key) is not None}
    return {"backend": backend, **own}
