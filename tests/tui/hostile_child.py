"""Runs the explorer on this terminal over an engine whose every text is hostile."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import msgspec

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1])]

from engine.results.records import Record  # noqa: E402
from seal_tui.explorer.app import run_explorer  # noqa: E402
from tui.conftest import client_of  # noqa: E402
from tui.fake_engine import FakeEngine, stage  # noqa: E402

PAYLOAD = (
    "[/INST] [@click=app.quit]q[/] a\x1b]52;c;ZXZpbA==\x07b\x1b]0;pwned\x07c\x1b[2J\x1b[66;77H"
    "\x9b31m\x9d0;pwned\x9c\x90x\x00\x08\x7f\r\u202eabc\u2066\u200b\ufeff\u2028 👩\u200d🔬"
)
KEEP = {"regime", "opinion", "role", "state", "kind", "change", "verdict"}
FIXED = {"outcome", "side", "sign", "population", "scale", "statistic"}  # in metric tables


def poisoned(value: Any, name: str = "") -> Any:
    """`value` with the payload in every string that is not a fixed word of the protocol."""
    if isinstance(value, msgspec.Struct):
        keep = KEEP if type(value).__name__ != "ModelInfo" else set()
        if isinstance(value, Record):
            keep = KEEP | FIXED
        return msgspec.structs.replace(
            value,
            **{
                key: poisoned(getattr(value, key), key)
                for key in value.__struct_fields__
                if key not in keep
            },
        )
    if isinstance(value, str):
        return PAYLOAD if name in ("preset", "presets") else value + PAYLOAD
    if isinstance(value, tuple):
        return tuple(poisoned(item, name) for item in value)
    if isinstance(value, list):
        return [poisoned(item, name) for item in value]
    if isinstance(value, dict):
        return {poisoned(key): poisoned(item) for key, item in value.items()}
    return value


def hostile_engine() -> FakeEngine:
    engine = FakeEngine()
    changed = {
        name: poisoned(getattr(engine, name))
        for name in (
            "study",
            "metrics",
            "warnings",
            "left_out",
            "preview",
            "completions",
            "saved",
            "events",
            "agreements",
        )
    }
    engine = dataclasses.replace(engine, **changed)
    engine.rejects = {PAYLOAD: 3}
    engine.pairs = {key: poisoned(pair) for key, pair in engine.pairs.items()}
    engine.rewrites = {key: poisoned(one) for key, one in engine.rewrites.items()}
    engine.stages = (poisoned(stage("read", "done", 1, 1, note="x")),)
    return engine


if __name__ == "__main__":
    engine = hostile_engine()
    if "crash" in sys.argv:
        from seal_tui.explorer.screens.pairs import ResistanceScreen

        async def broken(self: Any) -> None:
            raise RuntimeError(PAYLOAD)

        ResistanceScreen.load = broken  # type: ignore[method-assign]
    if "running" in sys.argv:
        engine.state, engine.error = "running", PAYLOAD
        engine.stages = (poisoned(stage("label", "running", 1, 4, note="x")),)
    raise SystemExit(run_explorer(client_of(engine)))
